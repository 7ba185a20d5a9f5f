// Imports between the folders of core and cli go one way: down the table in docs/architecture.md.
import { existsSync, readdirSync } from 'node:fs'
import { dirname, join, normalize } from 'node:path'
import { describe, expect, test } from 'vitest'
import { read, root } from './pages.js'

/** The folders of a package: the table in the docs, and the imports in the sources. */
class Rooms {
  readonly src: string
  readonly levels: ReadonlyMap<string, number>
  readonly sources: readonly string[]

  constructor(readonly name: string) {
    this.src = `packages/${name}/src`
    this.levels = new Map(rows(name).flatMap((names, i) => names.map((each) => [each, i] as const)))
    const files = readdirSync(join(root, this.src), { recursive: true, encoding: 'utf8' })
    this.sources = files.filter((path) => path.endsWith('.ts') && !path.endsWith('.test.ts'))
  }

  folders(): string[] {
    const entries = readdirSync(join(root, this.src), { withFileTypes: true })
    return entries.filter((each) => each.isDirectory()).map(({ name }) => name)
  }

  /** The source without comments. */
  codeOf(path: string): string {
    return read(join(this.src, path)).replace(/\/\*[\s\S]*?\*\/|(?<=^|\s)\/\/.*$/gm, '')
  }

  /** Imports and re-exports of other files of the package, types included. */
  importsOf(path: string): string[] {
    const named = [...this.codeOf(path).matchAll(/(?:\bfrom|\bimport\(?)\s*'(\.[^']+)'/g)]
    return named.map(([, target = '']) => normalize(join(dirname(path), target)).replace(/\.js$/, '.ts'))
  }

  /** Why a file in the folder `room` must not import from the folder `target`, or undefined. */
  wrongDoor(room: string, target: string): string | undefined {
    if (room === target || room === '') return undefined
    const [from, to] = [this.levels.get(room), this.levels.get(target)]
    if (target === '') return 'imports an entry point'
    if (from === undefined || to === undefined) return 'is not in the table'
    return to > from ? undefined : to === from ? 'imports sideways' : 'imports upward'
  }
}

/** The folders in each row of a package's table, from top to bottom. */
function rows(name: string): string[][] {
  const page = read('docs/architecture.md')
  const section = page.slice(page.indexOf(`## Folders of ${name}`))
  const table = section.slice(section.indexOf('|---'), section.indexOf('\n\n', section.indexOf('|---')))
  return table
    .split('\n')
    .slice(1)
    .map((row) => [...(row.split('|')[1] ?? '').matchAll(/`([\w-]+)\/`/g)].map(([, folder = '']) => folder))
}

const roomOf = (path: string) => (path.includes('/') ? path.slice(0, path.indexOf('/')) : '')
const core = new Rooms('core')

describe.each([
  [core, ['index.ts', 'register.ts', 'supervision.ts']],
  [new Rooms('cli'), ['main.ts']],
])('the folders of $name', (rooms, entryPoints) => {
  test('the table names exactly the folders of the package', () => {
    expect(rooms.folders().sort()).toEqual([...rooms.levels.keys()].sort())
  })

  test('only the entry points are outside the folders', () => {
    expect(rooms.sources.filter((path) => roomOf(path) === '').sort()).toEqual(entryPoints)
  })

  test('every import points to a folder in a lower row', () => {
    const wrong = rooms.sources.flatMap((path) =>
      rooms.importsOf(path).flatMap((target) => {
        expect(existsSync(join(root, rooms.src, target)), `${path} imports ${target}`).toBe(true)
        const why = rooms.wrongDoor(roomOf(path), roomOf(target))
        return why ? [`${path} ${why}: ${target}`] : []
      }),
    )
    expect(wrong).toEqual([])
  })
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
  ])('from %j to %j: %s', (room, target, why) => expect(core.wrongDoor(room, target)).toBe(why))
})

/** Access that only `platform/` may have. */
const doors: readonly (readonly [what: string, pattern: RegExp])[] = [
  ['child processes', /'node:child_process'/],
  ['the process object', /(?<![\w.'/-])process\.(?!nextTick\b)[a-zA-Z]/],
  ["Node's private properties", /(?<=\.|'|\{ |, )_[a-z]\w*\b(?!\()/],
]

test.each(doors)('only platform/ touches %s', (_what, pattern) => {
  const others = core.sources.filter((path) => roomOf(path) !== 'platform')
  // Ignore type imports: they have no effect at run time.
  const touches = (path: string) => pattern.test(core.codeOf(path).replace(/^import type [^']*'[^']+'/gm, ''))
  expect(others.filter(touches)).toEqual([])
  expect(core.sources.some((path) => roomOf(path) === 'platform' && touches(path))).toBe(true)
})
