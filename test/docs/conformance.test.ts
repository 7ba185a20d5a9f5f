// docs/conformance.md lists the tests of each behavior. After adding, removing or renaming a test, update the page with
// `npx vitest run test/docs/conformance.test.ts --update`.
import { readdirSync, readFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { expect, test } from 'vitest'
import { read, root } from './pages.js'

const page = 'docs/conformance.md'
const entry = /^- \*\*(C\d+)\*\* (.*)\n((?: {2}- .*\n)*)/gm
const none = '  - *not covered yet*\n'

interface Covered {
  readonly file: string
  readonly title: string
}

/** All titles that begin with one or more numbers, by number. */
function titlesByNumber(): Map<string, Covered[]> {
  const found = new Map<string, Covered[]>()
  for (const file of testFiles()) {
    for (const [, , numbers = '', title = ''] of readFileSync(join(root, file), 'utf8').matchAll(
      /(['"`])((?:C\d+(?:, )?)+): ((?:(?!\1).)+)\1/g,
    )) {
      for (const number of numbers.split(', '))
        found.set(number, [...(found.get(number) ?? []), { file, title }])
    }
  }
  return found
}

function testFiles(folder = root): string[] {
  const entries = readdirSync(folder, { withFileTypes: true })
  return entries
    .flatMap((each) => {
      const path = join(folder, each.name)
      if (each.isDirectory()) return /^(node_modules|dist|\..*)$/.test(each.name) ? [] : testFiles(path)
      return each.name.endsWith('.test.ts') ? [relative(root, path)] : []
    })
    .sort()
}

function linesFor(covered: readonly Covered[] = []): string {
  if (covered.length === 0) return none
  return covered.map(({ file, title }) => `  - \`${file}\`: ${title.replaceAll('|', '\\|')}\n`).join('')
}

test('every behavior has one entry, in order', () => {
  const numbers = [...read(page).matchAll(entry)].map((match) => match[1])
  expect(numbers).toEqual(Array.from({ length: 75 }, (_, i) => `C${i + 1}`))
})

test('the page lists all existing tests and no others', async () => {
  const titles = titlesByNumber()
  const listed = read(page).replace(
    entry,
    (_, number: string, behavior: string) => `- **${number}** ${behavior}\n${linesFor(titles.get(number))}`,
  )
  await expect(listed).toMatchFileSnapshot(join(root, page))
})

test('no test has an unknown number', () => {
  const known = new Set([...read(page).matchAll(entry)].map((match) => match[1]))
  expect([...titlesByNumber().keys()].filter((number) => !known.has(number))).toEqual([])
})
