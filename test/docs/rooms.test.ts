// The folders of core are rooms with one-way doors: docs/architecture.md has the table, this test reads the imports.
import { existsSync, readdirSync } from 'node:fs'
import { dirname, join, normalize } from 'node:path'
import { describe, expect, test } from 'vitest'
import { read, root } from './pages.js'

const core = 'packages/core/src'
const entries = ['index.ts', 'register.ts', 'supervision.ts']

/** The rows of the table, from the top. */
function rows(): string[][] {
  const page = read('docs/architecture.md')
  const section = page.slice(page.indexOf('## Rooms of core'))
  const table = section.slice(section.indexOf('|---'), section.indexOf('\n\n', section.indexOf('|---')))
  return table
    .split('\n')
    .slice(1)
    .map((row) => [...(row.split('|')[1] ?? '').matchAll(/`(\w+)\/`/g)].map(([, name = '']) => name))
}

const levels = new Map(rows().flatMap((names, i) => names.map((name) => [name, i] as const)))
const sources = readdirSync(join(root, core), { recursive: true, encoding: 'utf8' }).filter(
  (path) => path.endsWith('.ts') && !path.endsWith('.test.ts'),
)
const textOf = (path: string) => read(join(core, path))
/** Without comments. */
const codeOf = (path: string) => textOf(path).replace(/\/\*[\s\S]*?\*\/|(?<=^|\s)\/\/.*$/gm, '')
const roomOf = (path: string) => (path.includes('/') ? path.slice(0, path.indexOf('/')) : '')

/** Imports and re-exports of other files of core, types included. */
function importsOf(path: string): string[] {
  const named = [...codeOf(path).matchAll(/(?:\bfrom|\bimport\(?)\s*'(\.[^']+)'/g)]
  return named.map(([, target = '']) => normalize(join(dirname(path), target)).replace(/\.js$/, '.ts'))
}

/** What is wrong with an import from `room` of a file in `target`, if anything. */
function wrongDoor(room: string, target: string): string | undefined {
  if (room === target || room === '') return undefined
  const [from, to] = [levels.get(room), levels.get(target)]
  if (target === '') return 'imports an entry point'
  if (from === undefined || to === undefined) return 'is not in the table'
  return to > from ? undefined : to === from ? 'imports sideways' : 'imports upward'
}

test('the table names every folder, and no other', () => {
  const folders = readdirSync(join(root, core), { withFileTypes: true }).filter((each) => each.isDirectory())
  expect(folders.map(({ name }) => name).sort()).toEqual([...levels.keys()].sort())
})

test('only the entry points stand outside of the folders', () => {
  expect(sources.filter((path) => roomOf(path) === '').sort()).toEqual(entries)
})

test('every import leads to a folder below', () => {
  const wrong = sources.flatMap((path) =>
    importsOf(path).flatMap((target) => {
      expect(existsSync(join(root, core, target)), `${path} imports ${target}`).toBe(true)
      const why = wrongDoor(roomOf(path), roomOf(target))
      return why ? [`${path} ${why}: ${target}`] : []
    }),
  )
  expect(wrong).toEqual([])
})

describe('an import', () => {
  test.each([
    ['api', 'base', undefined],
    ['base', 'base', undefined],
    ['', 'api', undefined],
    ['base', 'protocol', 'imports upward'],
    ['listeners', 'connections', 'imports sideways'],
    ['base', '', 'imports an entry point'],
    ['elsewhere', 'base', 'is not in the table'],
  ])('from %j to %j: %s', (room, target, why) => expect(wrongDoor(room, target)).toBe(why))
})

/** What only `platform/` may touch. */
const doors: readonly (readonly [what: string, pattern: RegExp])[] = [
  ['child processes', /'node:child_process'/],
  ['the process', /(?<![\w.'/-])process\.(?!nextTick\b)[a-zA-Z]/],
  ['properties that Node keeps private', /(?<=\.|'|\{ |, )_[a-z]\w*\b(?!\()/],
]

test.each(doors)('only platform/ touches %s', (_what, pattern) => {
  const others = sources.filter((path) => roomOf(path) !== 'platform')
  // Types have no effect.
  const touches = (path: string) => pattern.test(codeOf(path).replace(/^import type [^']*'[^']+'/gm, ''))
  expect(others.filter(touches)).toEqual([])
  expect(sources.some((path) => roomOf(path) === 'platform' && touches(path))).toBe(true)
})
