// The packages as users get them: packed and installed in a folder outside this workspace.
import { execFile } from 'node:child_process'
import {
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { answerOf } from '../support/answer.js'
import { isHandedOver, isReady } from '../support/generations.js'
import { launchService } from '../support/service.js'

const run = promisify(execFile)
const root = fileURLToPath(new URL('../..', import.meta.url))
const consumers = fileURLToPath(new URL('consumers', import.meta.url))
const watched = new URL('../fixtures/watched.mjs', import.meta.url).href
const libraries = ['core', 'fastify', 'express', 'koa', 'ws', 'socket.io'] as const
const names = [...libraries, 'cli'] as const
/** Bundled because loading their many files would slow down every start. */
const bundled: readonly string[] = ['core', 'ws', 'socket.io', 'cli']

const home = mkdtempSync(join(tmpdir(), 'handover-packages-'))
const app = join(home, 'app')
const tarball = (name: string) => join(home, `handover-${name}-${versionOf(name)}.tgz`)

beforeAll(async () => {
  for (const name of names) {
    const args = ['--dir', join(root, 'packages', name), 'pack', '--pack-destination', home]
    await run(process.execPath, [join(root, 'tools', 'pnpm.mjs'), ...args])
  }
  mkdirSync(app)
  writeFileSync(join(app, 'package.json'), '{ "private": true, "type": "module" }')
  const types = ['@types/node@20', '@types/express@5', '@types/koa@3', '@types/ws@8']
  const packages = [...names.map(tarball), 'fastify@5', 'express@5', 'koa@3', 'ws@8', 'socket.io@4', ...types]
  await run('npm', ['install', '--no-audit', '--no-fund', '--prefer-offline', ...packages], { cwd: app })
  for (const file of readdirSync(consumers)) copyFileSync(join(consumers, file), join(app, file))
}, 180_000)

afterAll(() => rmSync(home, { recursive: true, force: true }))

describe.each(names)('@handover/%s', (name) => {
  test('contains exactly the files that it needs', async () => {
    const { stdout } = await run('tar', ['-tzf', tarball(name)])
    const files = stdout
      .trim()
      .split('\n')
      .map((path) => path.replace(/^package\//, ''))
    const main = name === 'cli' ? 'main' : 'index'
    const code = [`dist/${main}${bundled.includes(name) ? '.bundle' : ''}.js`]
    const types = name === 'cli' ? [] : ['dist/index.d.ts']
    expect(files).toEqual(expect.arrayContaining(['LICENSE', 'README.md', ...code, ...types]))
    if (name === 'core') expect(files.filter((path) => path.endsWith('.js'))).toHaveLength(4)
    if (name === 'ws' || name === 'socket.io')
      expect(files.filter((path) => path.endsWith('.js'))).toHaveLength(1)
    expect(files.includes('handover-preload.cjs')).toBe(name === 'core')
    expect(files.filter((path) => !isWanted(path))).toEqual([])
  })

  test('satisfies publint', async () => {
    expect(await tool('publint', [tarball(name), '--strict'])).toContain('All good!')
  })

  if (name === 'cli') return

  test('resolves its types like its code', async () => {
    // Every supported version of Node can `require` an ES module, as the consumers below prove.
    const args = ['--profile', 'esm-only', '--no-definitely-typed', '--format', 'json']
    const found = JSON.parse(await tool('attw', [tarball(name), ...args]))
    expect(found).toMatchObject({ analysis: { packageName: `@handover/${name}` } })
  })
})

test('the types work for an ES module and for CommonJS', async () => {
  writeFileSync(
    join(app, 'tsconfig.json'),
    JSON.stringify({
      compilerOptions: {
        module: 'nodenext',
        target: 'es2023',
        strict: true,
        exactOptionalPropertyTypes: true,
        noEmit: true,
        types: ['node'],
      },
      include: ['types.ts', 'types.cts'],
    }),
  )
  // Check the declarations of our packages, but ignore errors between those of other packages.
  const told = await tool('tsc', ['--project', app]).catch((error: Error) => error.message)
  const errors = told.split('\n').filter((line) => line.includes('error TS'))
  expect(errors.filter((line) => !line.includes('/node_modules/@types/'))).toEqual([])
})

test.each([
  ['an ES module with Fastify', 'esm.mjs', []],
  ['CommonJS with Express', 'cjs.cjs', []],
  ['CommonJS with Koa', 'koa.cjs', []],
  ['CommonJS with ws', 'ws.cjs', []],
  ['CommonJS with Socket.IO', 'socket-io.cjs', []],
  ['an ES module with Socket.IO', 'socket-io.mjs', []],
  ['a program without Handover', 'plain.mjs', ['--import', '@handover/core/register']],
])('%s: a successor serves after a reload', async (_, file, execArgv) => {
  const service = launchService(join(app, file), { cwd: app, execArgv: ['--import', watched, ...execArgv] })
  await Promise.all([service.event('listening'), service.event(isReady)])
  expect(await answerOf(service.target)).toMatch(/generation 1|no generation/)
  const { from } = await service.reload()
  expect(await answerOf(service.target)).toMatch(/generation 2|no generation/)
  expect(await service.exitOf(from.pid)).toMatchObject({ code: 0 })
  const { pid } = service.serving
  service.signal('SIGTERM')
  await service.exitOf(pid)
})

test('npm installs handover run into node_modules/.bin', async () => {
  const handover = join(app, 'node_modules', '.bin', 'handover')
  const service = launchService(join(app, 'esm.mjs'), {
    cwd: app,
    execArgv: [handover, 'run', '--', process.execPath, '--import', watched],
    leftOvers: 'allowed',
  })
  await Promise.all([service.event('listening'), service.event(isReady)])
  service.signal('SIGHUP', service.pid)
  await service.event(isHandedOver)
  expect(await answerOf(service.target)).toContain('generation 2')
  expect(await run(handover, ['reload', '--help'], { cwd: app })).toMatchObject({ stderr: '' })
  service.signal('SIGTERM', service.pid)
  expect(await service.exitOf(service.pid)).toMatchObject({ code: 0 })
})

const versionOf = (name: string): string =>
  JSON.parse(readFileSync(join(root, 'packages', name, 'package.json'), 'utf8')).version

const isWanted = (path: string): boolean =>
  ['LICENSE', 'README.md', 'package.json', 'handover-preload.cjs'].includes(path) ||
  (/^dist\/.*\.(js|d\.ts)$/.test(path) && !basename(path).includes('.test.'))

/** Runs a tool and returns its output. Throws with the output if the tool fails. */
async function tool(name: string, args: readonly string[]): Promise<string> {
  const command = join(root, 'node_modules', '.bin', name)
  try {
    return (await run(command, args, { cwd: root, maxBuffer: 2 ** 24 })).stdout
  } catch (error) {
    const { stdout = '', stderr = '' } = error as { stdout?: string; stderr?: string }
    throw new Error(`${name} failed:\n${stdout}${stderr}`)
  }
}
