import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, onTestFinished, test } from 'vitest'
import type { SuccessorOptions } from '../base/settings.js'
import type { Origin } from '../platform/launch-context.js'
import { successorCommand } from './successor-command.js'

function tempDir(): string {
  const path = realpathSync(mkdtempSync(join(tmpdir(), 'handover-')))
  onTestFinished(() => rmSync(path, { recursive: true }))
  return path
}

const origin: Origin = {
  inheritance: undefined,
  activation: undefined,
  environment: { PATH: '/bin', KEPT: '', PWD: '/elsewhere' },
  cwd: '/',
  umask: 0o22,
  args: ['/srv/app/server.js', '', 'two words'],
  hadChannel: false,
  hadProgramChannel: false,
  early: { signals: [], release() {} },
}

const commandOf = (
  options: SuccessorOptions = {},
  { execArgv = [] as readonly string[], ...changed }: Partial<Origin> & { execArgv?: readonly string[] } = {},
) => successorCommand({ ...origin, ...changed }, { execPath: '/usr/bin/node', execArgv }, options)

/** The arguments before the preload, and the script with its arguments. */
function partsOf({ args }: { args: readonly string[] }) {
  const at = args.indexOf('--require')
  expect(args[at + 1]).toMatch(/\/handover-preload\.cjs$/)
  return { execArgv: args.slice(0, at), rest: args.slice(at + 2) }
}

test('the successor starts with the same command as this process, plus our preload', () => {
  const command = commandOf({}, { execArgv: ['--no-warnings', '--stack-trace-limit', '5'] })
  expect(command).toMatchObject({
    execPath: '/usr/bin/node',
    cwd: '/',
    env: { PATH: '/bin', KEPT: '', PWD: '/' },
  })
  expect(partsOf(command)).toEqual({
    execArgv: ['--no-warnings', '--stack-trace-limit', '5'],
    rest: ['/srv/app/server.js', '', 'two words'],
  })
})

test("PWD names the successor's directory, unless the first generation had no PWD", () => {
  const { PWD: _, ...environment } = origin.environment
  expect(commandOf().env).toHaveProperty('PWD', '/')
  expect(commandOf({}, { environment }).env).toEqual(environment)
  expect(commandOf({ cwd: tempDir() }, { environment }).env).toEqual(environment)
})

test('the options override parts of the command', () => {
  const folder = tempDir()
  const command = commandOf(
    {
      execPath: '/opt/node',
      execArgv: ['--inspect=9229'],
      args: ['other.js', 'a'],
      cwd: folder,
      env: { PATH: undefined, ADDED: 'yes' },
    },
    { execArgv: ['--no-warnings'] },
  )
  expect(command).toMatchObject({ execPath: '/opt/node', cwd: folder })
  expect(command.env).toEqual({ KEPT: '', PWD: folder, ADDED: 'yes' })
  expect(partsOf(command)).toEqual({ execArgv: ['--inspect', '--inspect-port=0'], rest: ['other.js', 'a'] })
})

test('a relative directory is resolved against the working directory at startup', () => {
  const folder = tempDir()
  mkdirSync(join(folder, 'sub'))
  expect(commandOf({ cwd: 'sub' }, { cwd: folder }).cwd).toBe(join(folder, 'sub'))
})

test.each<[string[], string[], string?]>([
  [['--inspect'], ['--inspect', '--inspect-port=0']],
  [['--inspect=0'], ['--inspect', '--inspect-port=0']],
  [['--inspect=127.0.0.1:9229'], ['--inspect', '--inspect-port=0']],
  [
    ['--inspect-brk=9229', '-r', 'x'],
    ['--inspect', '-r', 'x', '--inspect-port=0'],
  ],
  [['--inspect-wait'], ['--inspect', '--inspect-port=0']],
  [
    ['--inspect', '--inspect-port=9229'],
    ['--inspect', '--inspect-port=0'],
  ],
  [
    ['--inspect', '--inspect-port', '9229', '-r', 'x'],
    ['--inspect', '-r', 'x', '--inspect-port=0'],
  ],
  [
    ['--inspect', '--debug-port', '9229'],
    ['--inspect', '--inspect-port=0'],
  ],
  [['--no-warnings'], ['--no-warnings', '--inspect-port=0'], '--max-old-space-size=300 --inspect=9229'],
  [['--no-warnings'], ['--no-warnings'], '--max-old-space-size=300'],
])('the inspector options %j become %j, which picks another port', (execArgv, expected, NODE_OPTIONS) => {
  const environment = NODE_OPTIONS === undefined ? {} : { NODE_OPTIONS }
  const once = partsOf(commandOf({}, { execArgv, environment })).execArgv
  expect(once).toEqual(expected)
  expect(partsOf(commandOf({}, { execArgv: once, environment })).execArgv).toEqual(expected)
})

/** Creates a release that contains core, directly or below an adapter. */
function release(folder: string, packages: readonly string[]): void {
  for (const path of packages) {
    const to = join(folder, path)
    mkdirSync(to, { recursive: true })
    writeFileSync(join(to, 'package.json'), '{}')
    writeFileSync(join(folder, 'server.js'), '')
    if (path.endsWith('/core')) writeFileSync(join(to, 'handover-preload.cjs'), '')
  }
}

const preloadOf = ({ args }: { args: readonly string[] }) => args[args.indexOf('--require') + 1]

test.each([
  ['core', ['node_modules/@handover/core'], 'node_modules/@handover/core'],
  [
    'core below an adapter',
    ['node_modules/@handover/koa', 'node_modules/@handover/koa/node_modules/@handover/core'],
    'node_modules/@handover/koa/node_modules/@handover/core',
  ],
])('the preload comes from the release that will run, with %s', (_, packages, where) => {
  const root = tempDir()
  for (const each of ['one', 'two']) release(join(root, each), packages)
  const current = join(root, 'current')
  symlinkSync('one', current)
  // The command may omit the extension of the program.
  for (const args of [[join(current, 'server.js')], [join(current, 'server')]]) {
    rmSync(current)
    symlinkSync('one', current)
    expect(preloadOf(commandOf({}, { args }))).toBe(join(root, 'one', where, 'handover-preload.cjs'))
    rmSync(current)
    symlinkSync('two', current)
    expect(preloadOf(commandOf({}, { args }))).toBe(join(root, 'two', where, 'handover-preload.cjs'))
  }
})

test('a release without core or without a preload gets our preload', () => {
  const folder = tempDir()
  const args = [join(folder, 'server.js')]
  const ours = preloadOf(commandOf({}, { args }))
  expect(ours).toBe(fileURLToPath(new URL('../../handover-preload.cjs', import.meta.url)))
  mkdirSync(join(folder, 'node_modules', '@handover', 'core'), { recursive: true })
  expect(preloadOf(commandOf({}, { args }))).toBe(ours)
})

test('the error for a missing directory names it', () => {
  const cwd = join(tempDir(), 'gone')
  expect(() => commandOf({}, { cwd })).toThrow(
    expect.objectContaining({
      code: 'ERR_HANDOVER_PROGRAM_MISSING',
      cwd,
      message: `The working directory of the new process, ${cwd}, does not exist. This generation keeps serving.`,
    }),
  )
})
