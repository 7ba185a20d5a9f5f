import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import type { HandoverError } from '../base/errors.js'
import { silent } from '../base/logger.js'
import { defaults, type GracefulOptions } from '../base/settings.js'
import { readOptions } from './read-options.js'

const read = (raw: unknown) => readOptions(raw, silent, '/')

/** The error that reading these options throws. */
function refusal(raw: unknown): HandoverError {
  try {
    read(raw)
  } catch (error) {
    return error as HandoverError
  }
  throw new Error('the options were accepted')
}

function tempDir(): string {
  const path = mkdtempSync(join(tmpdir(), 'handover-'))
  onTestFinished(() => rmSync(path, { recursive: true }))
  return path
}

const circular: Record<string, unknown> = {}
circular.self = circular

const times = [
  'readyTimeoutMs',
  'probationMs',
  'drainTimeoutMs',
  'lingerMs',
  'shutdownDelayMs',
  'hookTimeoutMs',
]
const noTime = [
  -1,
  1.5,
  Number.NaN,
  Number.POSITIVE_INFINITY,
  2 ** 31,
  '1000',
  null,
  true,
  [1],
  1n,
  Symbol('s'),
]
const noSignals = [
  'SIGHUP',
  ['SIGKILL'],
  ['SIGSTOP'],
  ['sighup'],
  ['SIGNOPE'],
  ['toString'],
  ['__proto__'],
  [1],
  [null],
  ['SIGUSR2', 'SIGUSR2'],
  null,
  {},
]
const bad: Record<string, readonly unknown[]> = {
  ...Object.fromEntries(times.map((name) => [name, noTime])),
  reloadSignals: noSignals,
  shutdownSignals: noSignals,
  ready: ['yes', '', true, null, 0],
  pidFile: ['', 1, null, true, {}, 'a\0b'],
  control: ['', 1, null, true, {}, 'a\0b'],
  moveConnections: ['yes', 0, null, {}],
  maxDraining: [0, -1, 1.5, '8', null],
  exit: ['no', 0, null, {}],
  health: [
    true,
    '/livez',
    null,
    [],
    { liveness: 'livez' },
    { liveness: '' },
    { readiness: 1 },
    { readiness: null },
    { other: '/x' },
    { toString: '/x' },
    { liveness: '/health', readiness: '/health' },
    { liveness: '/health', readiness: { path: '/health' } },
    { readiness: {} },
    { readiness: { path: 'readyz' } },
    { readiness: { path: '/readyz', check: true } },
    { readiness: { path: '/readyz', timeoutMs: 0 } },
    { readiness: { path: '/readyz', status: 200 } },
  ],
  successor: [
    'node',
    null,
    [],
    { execPath: '' },
    { execPath: 1 },
    { execArgv: '--inspect' },
    { execArgv: [1] },
    { args: [] },
    { args: [''] },
    { args: ['a.js', 'b\0'] },
    { cwd: '' },
    { cwd: null },
    { env: [] },
    { env: { A: 1 } },
    { env: { A: 'a\0' } },
    { env: { 'A=B': 'a' } },
    { env: { '': 'a' } },
    { argv: ['a.js'] },
    circular,
  ],
  logger: [{}, 'console', true, null, { info() {}, warn() {} }, { info: 1, warn: 1, error: 1 }],
}

test('the list of invalid values covers every option', () => {
  expect(Object.keys(bad).sort()).toEqual([...Object.keys(defaults), 'logger'].sort())
})

test.each(Object.entries(bad))(
  'a value for %s of the wrong type or out of range is rejected',
  (option, values) => {
    for (const value of values) {
      const error = refusal({ [option]: value })
      expect(error).toMatchObject({ name: 'HandoverError', code: 'ERR_HANDOVER_OPTION', option })
      expect(Object.is(error.value, value)).toBe(true)
      expect(error.message).toMatch(
        new RegExp(`^graceful: "${option}" must be .+; its value was .+\\. Nothing was changed\\.$`, 's'),
      )
    }
  },
)

test('readyTimeoutMs and hookTimeoutMs must be at least 1; the other times may be 0', () => {
  for (const name of times) {
    if (/^(readyTimeout|hookTimeout)/.test(name))
      expect(refusal({ [name]: 0 }).code).toBe('ERR_HANDOVER_OPTION')
    else expect(read({ [name]: 0 })).toMatchObject({ [name]: 0 })
  }
})

test('an option error shows the rejected value', () => {
  expect(refusal({ probationMs: Number.NaN }).message).toContain('its value was NaN.')
  expect(refusal({ probationMs: '5' }).message).toContain("its value was '5'.")
  expect(refusal({ successor: circular }).message).toContain('[Circular')
  expect(refusal({ pidFile: `\0${'x'.repeat(100_000)}` }).message.length).toBeLessThan(400)
})

test.each([
  ['drainTimeout', 'drainTimeoutMs'],
  ['pidfile', 'pidFile'],
])('the error for the mistyped option %s suggests %s', (name, meant) => {
  expect(refusal({ [name]: 1 })).toMatchObject({
    code: 'ERR_HANDOVER_OPTION',
    option: name,
    message: `graceful: "${name}" is not an option: did you mean "${meant}"? Its value was 1. Nothing was changed.`,
  })
})

test('the error for an unknown option lists the valid names', () => {
  for (const name of ['toString', 'port']) {
    const { code, message } = refusal(JSON.parse(`{ "${name}": 1 }`))
    expect(code).toBe('ERR_HANDOVER_OPTION')
    expect(message).toMatch(
      new RegExp(`"${name}" is not an option: use one of readyTimeoutMs, .*logger; its value was 1`),
    )
  }
})

test.each([[null], [[]], ['options'], [1], [() => {}]])('options of the value %j are rejected', (raw) => {
  expect(refusal(raw)).toMatchObject({ code: 'ERR_HANDOVER_OPTION', option: 'options' })
})

test('a signal cannot mean both reload and shutdown, even if one of them is a default', () => {
  for (const raw of [
    { reloadSignals: ['SIGTERM'] },
    { shutdownSignals: ['SIGHUP'] },
    { reloadSignals: ['SIGUSR2'], shutdownSignals: ['SIGUSR2'] },
  ]) {
    expect(refusal(raw)).toMatchObject({ code: 'ERR_HANDOVER_OPTION', option: 'reloadSignals' })
  }
})

test('missing and undefined options get their defaults', () => {
  const undefineds = Object.fromEntries(Object.keys(bad).map((name) => [name, undefined]))
  for (const raw of [undefined, {}, undefineds]) expect(read(raw)).toEqual({ ...defaults, logger: silent })
})

test('valid options are used unchanged', () => {
  const given: GracefulOptions = {
    readyTimeoutMs: 1,
    probationMs: 2 ** 31 - 1,
    reloadSignals: [],
    shutdownSignals: ['SIGQUIT', 'SIGUSR2'],
    ready: 'manual',
    moveConnections: true,
    exit: false,
    maxDraining: 1,
    health: { liveness: '/livez', readiness: { path: '/readyz', check: () => true, timeoutMs: 1 } },
    successor: { args: ['a.js', ''], env: { A: '', B: undefined }, execArgv: [], cwd: '/' },
    logger: false,
  }
  expect(read(given)).toEqual({ ...defaults, ...given })
})

test('the defaults are frozen', () => {
  expect(Object.isFrozen(defaults)).toBe(true)
  expect(Object.isFrozen(defaults.reloadSignals)).toBe(true)
  expect(Object.isFrozen(defaults.successor)).toBe(true)
})

test('the path of a PID file is resolved against the working directory at startup', () => {
  const folder = tempDir()
  expect(readOptions({ pidFile: 'app.pid' }, silent, folder).pidFile).toBe(join(folder, 'app.pid'))
})

test('a PID file is rejected if its folder is missing or not a folder', () => {
  const folder = tempDir()
  writeFileSync(join(folder, 'file'), '')
  for (const pidFile of [join(folder, 'missing', 'app.pid'), join(folder, 'file', 'app.pid')]) {
    const error = refusal({ pidFile })
    expect(error).toMatchObject({ code: 'ERR_HANDOVER_PID_FILE', pidFile })
    expect(error.message).toContain(`cannot create the PID file ${pidFile}: `)
    expect(error.cause).toBeInstanceOf(Error)
  }
})

test('the path of a control socket is resolved like that of a PID file and rejected if it is unusable', () => {
  const folder = tempDir()
  const read = (control: string) => readOptions({ control }, silent, folder).control
  expect(read('app.sock')).toBe(join(folder, 'app.sock'))
  for (const control of [join(folder, 'missing', 'app.sock'), join(folder, 'x'.repeat(100))]) {
    const error = refusal({ control })
    expect(error).toMatchObject({ code: 'ERR_HANDOVER_CONTROL', control })
    expect(error.message).toContain(`cannot create the control socket ${control}: `)
  }
})
