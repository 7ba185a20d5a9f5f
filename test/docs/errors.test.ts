import { expect, test } from 'vitest'
import { codes } from '../../packages/core/src/base/errors.js'
import { headingsOf, sectionOf } from './pages.js'

const page = 'docs/reference/errors.md'
const documented = headingsOf(page).filter((heading) => heading.startsWith('ERR_'))

test('docs/reference/errors.md explains every code, in the order of errors.ts, and no other', () => {
  expect(documented).toEqual([...codes])
})

test.each(codes)('%s: what is true then, what to do, and the facts are told', (code) => {
  const section = sectionOf(page, code)
  for (const part of ['**True now:**', '**To do:**', '**Facts:**']) expect(section).toContain(part)
})
