import { expect, test } from 'vitest'
import { codes } from '../../packages/core/src/base/errors.js'
import { codeWords, headingsOf, read, sectionOf } from './pages.js'

const page = 'docs/reference/errors.md'
const documented = headingsOf(page).filter((heading) => heading.startsWith('ERR_'))

test('docs/reference/errors.md explains exactly the codes of errors.ts, in the same order', () => {
  expect(documented).toEqual([...codes])
})

test.each(codes)('the section of %s says what is true now and what to do, and lists the facts', (code) => {
  const section = sectionOf(page, code)
  for (const part of ['**True now:**', '**To do:**', '**Facts:**']) expect(section).toContain(part)
})

test('the page names exactly the facts of the type Facts', () => {
  const declared = [...read('packages/core/src/base/error-facts.ts').matchAll(/readonly (\w+)\?/g)].map(
    ([, name]) => name,
  )
  const named = codes.flatMap((code) =>
    codeWords(/\*\*Facts:\*\*(.*)/.exec(sectionOf(page, code))?.[1] ?? ''),
  )
  // Words such as `reload()` are not facts. Every failed reload has a `report`; only the supervisor uses `reports`.
  expect(new Set([...named.filter((word) => /^\w+$/.test(word)), 'report', 'reports'])).toEqual(
    new Set(declared),
  )
})
