// What a program loads at its start because of Handover. These are counts, because times depend on the machine.
import { execFile } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { beforeAll, expect, test } from 'vitest'
import { testNode } from '../support/service.js'

const run = promisify(execFile)
const root = fileURLToPath(new URL('../..', import.meta.url))
const fixture = join(root, 'test/fixtures/loaded.cjs')
const bundles = join(root, 'packages/core/dist')

/** What a start may load in addition: modules that Handover uses at once, and their internal parts. */
const allowed = /^(os|tty|worker_threads)$|^internal\/(worker|perf\/|error_serdes$|locks$|tty$|util\/colors$)/
/** In addition, what Node loads for an ES module in a file (Node 20) and for a CommonJS module that it imports. */
const loaders = /^internal\/(fs\/|readline\/|deps\/cjs-module-lexer\/)/
/** Node parses about 40 KB a millisecond. */
const maxBytes = 242_000

beforeAll(async () => {
  // Writes what a package contains, like `prepack`.
  for (const kind of [[], ['--commonjs']])
    await run(process.execPath, [join(root, 'tools/bundle.mjs'), ...kind, 'index', 'register'], {
      cwd: join(root, 'packages/core'),
    })
})

/** The modules of Node that a program with a server has loaded once it is ready. */
async function loadedWith(...core: string[]): Promise<string[]> {
  const { stdout } = await run(testNode, [fixture, ...core])
  return JSON.parse(stdout)
}

test.each(['index.bundle.js', 'index.bundle.cjs'])(
  '%s loads few modules of Node at a start',
  async (file) => {
    const [plain, graceful] = [await loadedWith(), await loadedWith(join(bundles, file))]
    const more = graceful.filter((each) => !plain.includes(each))
    expect(more.filter((each) => !allowed.test(each) && !loaders.test(each))).toEqual([])
  },
)

test('an ES module of core has two files, which stay within their size and take one byte a character', () => {
  const files = readdirSync(bundles).filter((each) => /^(index|shared)\.bundle\.js$/.test(each))
  expect(files).toHaveLength(2)
  const code = files.map((each) => readFileSync(join(bundles, each), 'latin1')).join('')
  expect(code.length).toBeLessThanOrEqual(maxBytes)
  expect(/[^\0-\x7f]/.exec(code)).toBeNull()
})

test('a bundle imports no module of Node, because Node would read each of its exports', () => {
  const files = readdirSync(bundles).filter((each) => /^(index|register|shared)\.bundle\.js$/.test(each))
  const imports = files.flatMap(
    (each) => readFileSync(join(bundles, each), 'utf8').match(/^import .*"node:.*$/gm) ?? [],
  )
  expect(imports).toEqual([])
})
