// Every JavaScript or TypeScript block in the pages is a complete program. The tests type-check all of them, and
// start, query, reload and stop each server.
import { execFile } from 'node:child_process'
import { readdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { RawConnection } from '@handover/load'
import { expect, test } from 'vitest'
import { isReady } from '../support/generations.js'
import { launchService, type Service } from '../support/service.js'
import { tempDir } from '../support/temp-dir.js'
import { type Block, blocksOf, pages, read, root } from './pages.js'

const watched = new URL('../fixtures/watched.mjs', import.meta.url).href
const ours = pages().filter((page) => /^(README\.md|docs\/|packages\/)/.test(page))
const blocks = ours.flatMap(blocksOf)
/** `test/examples` runs the programs of the examples that a page shows. */
const exampleFiles = readdirSync(join(root, 'examples'), { recursive: true, encoding: 'utf8' })
  .filter((path) => path.endsWith('.mjs') && !path.includes('node_modules'))
  .map((path) => read(`examples/${path}`))
const programs = blocks.filter(
  ({ lang, code }) => (lang === 'js' || lang === 'ts') && !exampleFiles.includes(code),
)
const servers = programs.filter(({ lang, code }) => lang === 'js' && code.includes('.listen('))
const named = (list: readonly Block[]) => list.map((block) => [`${block.page}:${block.line}`, block] as const)

test('every code block has a known language', () => {
  const kinds = ['dockerfile', 'haproxy', 'ini', 'js', 'json', 'mermaid', 'nginx', 'sh', 'text', 'ts', 'yaml']
  expect(blocks.filter(({ lang }) => !kinds.includes(lang))).toEqual([])
})

test('every program type-checks', async () => {
  const folder = besideModules()
  for (const [name, { code }] of named(programs)) {
    writeFileSync(join(folder, `${name.replace(/\W+/g, '-')}.mts`), code)
  }
  const compilerOptions = {
    module: 'nodenext',
    target: 'es2023',
    strict: true,
    noEmit: true,
    skipLibCheck: true,
    typeRoots: [join(root, 'node_modules', '@types')],
    types: ['node'],
  }
  writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions }))
  const tsc = join(root, 'node_modules', '.bin', 'tsc')
  const { stdout } = await promisify(execFile)(tsc, ['--project', folder]).catch((error) => error)
  expect(stdout).toBe('')
})

test.each(named(servers))('%s starts, answers, reloads and stops', async (_, { code }) => {
  await isReplaced(start(code))
})

test('a program without Handover reloads with @handover/core/register', async () => {
  const code = `import http from 'node:http'
    http.createServer((request, response) => response.end('hello')).listen(3000)`
  const service = start(code, ['--import', '@handover/core/register'])
  await isReplaced(service)
  expect(
    blocks.some(({ lang, code }) => lang === 'sh' && code.includes('node --import @handover/core/register')),
  ).toBe(true)
})

function start(code: string, execArgv: readonly string[] = []): Service {
  const folder = besideModules()
  writeFileSync(join(folder, 'server.mjs'), code.replaceAll('3000', '0'))
  return launchService(join(folder, 'server.mjs'), {
    cwd: folder,
    execArgv: ['--import', watched, ...execArgv],
  })
}

async function isReplaced(service: Service): Promise<void> {
  await Promise.all([service.event('listening'), service.event(isReady)])
  expect(await hello(service)).toMatch(/hello/)
  const { from, to } = await service.reload()
  expect(to.pid).not.toBe(from.pid)
  expect(await hello(service)).toMatch(/hello/)
  expect(await service.exitOf(from.pid)).toMatchObject({ code: 0 })
  service.signal('SIGTERM')
  await service.exitOf(to.pid)
}

/** Requests a greeting from an HTTP or an echo server. */
async function hello(service: Service): Promise<string> {
  const connection = await RawConnection.connect(service.target)
  try {
    await connection.write('GET / HTTP/1.1\r\nHost: hello\r\nConnection: close\r\n\r\n')
    let told = ''
    for (let bytes = await connection.read(); bytes !== null; bytes = await connection.read()) {
      told += bytes
      if (told.includes('hello')) break
    }
    return told
  } finally {
    connection.close()
  }
}

/** Creates a folder in which imports resolve to the packages of this workspace and of `test`. */
function besideModules(): string {
  const folder = tempDir()
  symlinkSync(join(root, 'test', 'node_modules'), join(folder, 'node_modules'))
  return folder
}
