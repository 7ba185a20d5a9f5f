// The packages as users get them: packed and installed in a folder outside this workspace.
import { execFile } from 'node:child_process'
import { copyFileSync, readdirSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { answerOf } from '../support/answer.js'
import { isHandedOver, isReady } from '../support/generations.js'
import { Packed, packed } from '../support/packed.js'
import { launchService } from '../support/service.js'

const run = promisify(execFile)
const root = fileURLToPath(new URL('../..', import.meta.url))
const consumers = fileURLToPath(new URL('consumers', import.meta.url))
const watched = new URL('../fixtures/watched.mjs', import.meta.url).href
/** Bundled because loading their many files would slow down every start. */
const bundled: readonly string[] = ['core', 'ws', 'socket.io', 'cli']

const packages = new Packed()
const { app } = packages

beforeAll(async () => {
  await packages.install('module')
  for (const file of readdirSync(consumers)) copyFileSync(join(consumers, file), join(app, file))
}, 180_000)

afterAll(() => packages.remove())

describe.each(packed)('@handover/%s', (name) => {
  test('contains exactly the files that it needs', async () => {
    const { stdout } = await run('tar', ['-tzf', packages.tarball(name)])
    const files = stdout
      .trim()
      .split('\n')
      .map((path) => path.replace(/^package\//, ''))
    const main = name === 'cli' ? 'main' : 'index'
    const code = [`dist/${main}${bundled.includes(name) ? '.bundle' : ''}.js`]
    const types = name === 'cli' ? [] : ['dist/index.d.ts', 'dist/index.d.cts', 'dist/index.bundle.cjs']
    expect(files).toEqual(expect.arrayContaining(['LICENSE', 'README.md', ...code, ...types]))
    if (name === 'core') expect(files.filter((path) => path.endsWith('.js'))).toHaveLength(4)
    if (name === 'ws' || name === 'socket.io')
      expect(files.filter((path) => path.endsWith('.js'))).toHaveLength(1)
    if (name === 'core') expect(files.filter((path) => path.endsWith('.bundle.cjs'))).toHaveLength(3)
    expect(files.includes('handover-preload.cjs')).toBe(name === 'core')
    expect(files.filter((path) => !isWanted(path))).toEqual([])
  })

  test('satisfies publint', async () => {
    expect(await tool('publint', [packages.tarball(name), '--strict'])).toContain('All good!')
  })

  if (name === 'cli') return

  test('resolves its types like its code', async () => {
    // Only the CLI uses the entry point `supervision`, which is an ES module.
    const args = ['--profile', 'node16', '--exclude-entrypoints', './supervision', '--no-definitely-typed']
    const found = JSON.parse(await tool('attw', [packages.tarball(name), '--format', 'json', ...args]))
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

const isWanted = (path: string): boolean =>
  ['LICENSE', 'README.md', 'package.json', 'handover-preload.cjs'].includes(path) ||
  (/^dist\/.*\.(js|d\.ts|bundle\.cjs|d\.cts)$/.test(path) && !basename(path).includes('.test.'))

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
