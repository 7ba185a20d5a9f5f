// A release that fails to start: the running generation keeps serving, and the caller gets the reason.
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { underLoad } from '../support/load.js'
import { type Deployed, type Outcome, release, requestReload, startRelease } from '../support/release.js'
import { tempDir } from '../support/temp-dir.js'
import { whoServes } from '../support/who.js'

/** Reloads under load and checks that the running generation keeps serving as before. */
async function failedReload({ service }: Deployed): Promise<Outcome> {
  const before = await whoServes(service.target)
  let outcome: Outcome = {}
  const load = await underLoad(service.target, async () => {
    outcome = await requestReload(service.target)
  })
  expect(load.failures).toEqual([])
  expect(await whoServes(service.target)).toEqual(before)
  expect(service.processes()).toEqual([before.pid])
  expect(outcome.report).toMatchObject({ outcome: 'failed', generation: 1, pid: before.pid })
  return outcome
}

const exited = 'ERR_HANDOVER_SUCCESSOR_EXITED'

test('C1: a successor that exits with 0 before it is ready fails the reload', async () => {
  const app = await startRelease()
  app.deploy('process.exit(0)')
  const { code, message, report } = await failedReload(app)
  const { pid } = report?.successor ?? {}
  expect(code).toBe(exited)
  expect(message).toBe(
    `Successor ${pid} exited with code 0 before it was ready. This generation keeps serving.`,
  )
  expect(report?.failure).toMatchObject({ code, message, exitCode: 0, signal: null, lost: 0 })
  expect(report?.failure?.cause).toBeUndefined()
})

test('C1: a successor that has nothing to do exits by itself, which fails the reload', async () => {
  const app = await startRelease()
  app.deploy('')
  expect(await failedReload(app)).toMatchObject({ code: exited, report: { failure: { exitCode: 0 } } })
})

// A CommonJS program that starts the service. Bad programs replace it.
const commonJs = `import(${JSON.stringify(new URL('../fixtures/http.mjs', import.meta.url).href)})`

const bad = {
  'a syntax error': ['let = (', { name: 'SyntaxError', message: expect.any(String) }],
  'a throw': ["throw new RangeError('bad release')", { name: 'RangeError', message: 'bad release' }],
  'a throw from a timer': [
    "setTimeout(() => { throw new TypeError('too late') })",
    { name: 'TypeError', message: 'too late' },
  ],
  'a rejection': [
    "Promise.reject(Object.assign(new Error('no database'), { code: 'ECONNREFUSED' })); setTimeout(() => {}, 60_000)",
    { message: 'no database', code: 'ECONNREFUSED' },
  ],
  'a thrown string': ["throw 'only a text'", { name: 'Error', message: 'only a text' }],
  'a thrown object': ['throw Object.create(null)', { message: '[Object: null prototype] {}' }],
  'a 1 MB error message': [
    "throw new Error('x'.repeat(1_000_000))",
    { message: expect.stringMatching(/^x{1000}/) },
  ],
} as const

const missing = {
  'server.mjs': ["import './missing.mjs'", { code: 'ERR_MODULE_NOT_FOUND' }],
  'server.cjs': ["require('./missing.cjs')", { code: 'MODULE_NOT_FOUND' }],
} as const

const failures = (['server.mjs', 'server.cjs'] as const).flatMap((name) =>
  Object.entries({ ...bad, 'a missing module': missing[name] }).map(
    ([what, [text, cause]]) => [what, name, text, cause] as const,
  ),
)

test.each(failures)(
  'C2: the report names %s in %s as the cause, with its stack',
  async (_, name, text, cause) => {
    const app = await startRelease(name === 'server.cjs' ? { name, text: commonJs } : { name })
    app.deploy(text)
    const { code, message, report } = await failedReload(app)
    expect(code).toBe(exited)
    expect(report?.failure).toMatchObject({ exitCode: 1, signal: null, lost: 0, cause })
    // The message of a syntax error ends with its file and line, with which the stack begins.
    const thrown = report?.failure?.cause?.message.replace(/ \(.+:\d+\)$/, '')
    expect(report?.failure?.cause?.stack).toContain(thrown?.slice(0, 1_000))
    expect(message).toContain(report?.failure?.cause?.message.slice(0, 100))
  },
)

test.each(['server.mjs', 'server.cjs'])(
  'C2: when %s exits with 7, the report has only the exit code',
  async (name) => {
    const app = await startRelease(name === 'server.cjs' ? { name, text: commonJs } : { name })
    app.deploy('process.exit(7)')
    const { message, report } = await failedReload(app)
    expect(message).toContain('exited with code 7 before it was ready')
    expect(report?.failure).toMatchObject({ exitCode: 7, signal: null })
  },
)

test.each(['SIGKILL', 'SIGTERM', 'SIGSEGV'])(
  'C2: the report has the signal when %s ends a successor',
  async (signal) => {
    const app = await startRelease()
    app.deploy(`process.kill(process.pid, '${signal}'); setTimeout(() => {}, 60_000)`)
    const { message, report } = await failedReload(app)
    expect(message).toContain(`was ended by ${signal} before it was ready`)
    expect(report?.failure).toMatchObject({ exitCode: null, signal })
  },
)

test('C2: a bad release prints to the standard output and standard error of its predecessor', async () => {
  const app = await startRelease()
  app.deploy(
    release({
      first: "console.log('said before'); console.error('warned before'); throw new Error('the end')",
    }),
  )
  await failedReload(app)
  for (const text of ['said before', 'warned before', 'Error: the end'])
    expect(app.service.output).toContain(text)
})

test('C7: a successor that listens and then throws before it is ready fails the reload', async () => {
  const app = await startRelease()
  app.deploy(release({ options: "{ ready: 'manual' }", afterListen: "throw new Error('no cache')" }))
  const { code, report } = await failedReload(app)
  expect(code).toBe(exited)
  expect(report?.failure).toMatchObject({ exitCode: 1, cause: { message: 'no cache' } })
})

test('C7: a successor that throws right after it listens fails the reload, even if listening makes it ready', async () => {
  const app = await startRelease()
  app.deploy(release({ afterListen: "throw new Error('no cache')" }))
  const { code, report } = await failedReload(app)
  expect([exited, 'ERR_HANDOVER_PROBATION']).toContain(code)
  expect(report?.failure).toMatchObject({ exitCode: 1, cause: { message: 'no cache' } })
})

test('C10: a missing program fails the reload with the reason', async () => {
  const app = await startRelease()
  rmSync(app.path)
  const { code, message, report } = await failedReload(app)
  expect(code).toBe(exited)
  expect(message).toContain(`Cannot find module '${app.path}'`)
  expect(report?.failure).toMatchObject({ exitCode: 1, cause: { code: 'MODULE_NOT_FOUND' } })
})

test.each([
  ['missing', () => {}, 'ENOENT'],
  ['not executable', (path: string) => writeFileSync(path, '', { mode: 0o644 }), 'EACCES'],
  ['a folder', (path: string) => mkdirSync(path), 'EACCES'],
])('C10: an execPath that is %s fails the reload with the reason', async (_, make, reason) => {
  const path = join(tempDir(), 'node')
  make(path)
  const text = release({ options: `{ successor: { execPath: '${path}' } }` })
  const { code, message, report } = await failedReload(await startRelease({ text }))
  expect(code).toBe('ERR_HANDOVER_SPAWN')
  expect(message).toContain(`${path}: spawn`)
  expect(report?.failure?.cause).toMatchObject({ code: reason })
})

test('C10: a missing working directory fails the reload with the reason', async () => {
  const app = await startRelease({ text: release({ options: "{ successor: { cwd: '/no/such/folder' } }" }) })
  const { code, message } = await failedReload(app)
  expect(code).toBe('ERR_HANDOVER_PROGRAM_MISSING')
  expect(message).toContain('/no/such/folder')
})

test('C10: an environment that is too large fails the reload with the reason', async () => {
  const app = await startRelease({
    text: release({ options: "{ successor: { env: { LARGE: 'x'.repeat(200_000) } } }" }),
  })
  expect(await failedReload(app)).toMatchObject({
    code: 'ERR_HANDOVER_SPAWN',
    report: { failure: { cause: { code: 'E2BIG' } } },
  })
})

test('C11: the report has the error of a beforeReady hook that rejects', async () => {
  const app = await startRelease()
  app.deploy(
    release({ beforeListen: "handle.beforeReady(async () => { throw new Error('the self-test failed') })" }),
  )
  const { code, message, report } = await failedReload(app)
  expect(code).toBe(exited)
  expect(message).toContain('the self-test failed')
  expect(report?.failure).toMatchObject({ exitCode: 1, cause: { message: 'the self-test failed' } })
  expect(report?.failure?.cause?.stack).toContain('server.mjs')
})

test('C11: a beforeReady hook that hangs fails the reload at readyTimeoutMs', async () => {
  const app = await startRelease({ config: { graceful: { readyTimeoutMs: 1_000 } } })
  app.deploy(release({ beforeListen: 'handle.beforeReady(() => new Promise(() => {}))' }))
  const { code, report } = await failedReload(app)
  expect(code).toBe('ERR_HANDOVER_READY_TIMEOUT')
  expect(report?.phases).toEqual([{ name: 'starting', ms: expect.any(Number) }])
})
