/** Checks the value of each option on its own. api/read-options.ts checks combinations and paths. */
import { constants } from 'node:os'
import { inspect } from 'node:util'
import { isRecord } from '../base/guards.js'
import type { Logger } from '../base/logger.js'
import type { HealthCheck, HealthPaths, Settings } from '../base/settings.js'
import { maxTimerMs } from '../base/timeouts.js'

type Check = (value: unknown) => string | undefined

const milliseconds =
  (min: number): Check =>
  (value) =>
    Number.isInteger(value) && (value as number) >= min && (value as number) <= maxTimerMs
      ? undefined
      : `a whole number of milliseconds from ${min} to ${maxTimerMs}`

const isSignal = (name: unknown) =>
  typeof name === 'string' && Object.hasOwn(constants.signals, name) && !/^SIG(KILL|STOP)$/.test(name)

const signals: Check = (value) =>
  Array.isArray(value) && value.every(isSignal) && new Set(value).size === value.length
    ? undefined
    : "a list of different signals that a process can catch, like ['SIGHUP']"

const oneOf =
  (...values: readonly unknown[]): Check =>
  (value) =>
    values.includes(value) ? undefined : values.map((each) => inspect(each)).join(' or ')

const isText = (value: unknown) => typeof value === 'string' && value !== '' && !value.includes('\0')
const isTextList = (value: unknown) =>
  Array.isArray(value) && value.every((each) => typeof each === 'string' && !each.includes('\0'))

/** An object that has only known fields, with valid values. */
const fields =
  (known: Readonly<Record<string, (value: unknown) => boolean>>, expected: string): Check =>
  (value) =>
    isRecord(value) &&
    Object.entries(value).every(
      ([name, each]) => Object.hasOwn(known, name) && (each === undefined || known[name]?.(each)),
    )
      ? undefined
      : expected

const isPath = (value: unknown) => isText(value) && (value as string).startsWith('/')
const expectedHealth =
  "false, or two paths like { liveness: '/livez', readiness: '/readyz' }, each a path or { path, check, timeoutMs }"
const isMs = (value: unknown) => milliseconds(1)(value) === undefined
const checkFields = fields(
  { path: isPath, check: (value) => typeof value === 'function', timeoutMs: isMs },
  expectedHealth,
)
const isHealth = (value: unknown) =>
  isPath(value) || (checkFields(value) === undefined && isPath((value as HealthCheck).path))
const healthFields = fields({ liveness: isHealth, readiness: isHealth }, expectedHealth)
const pathIn = (given: string | HealthCheck | undefined) => (typeof given === 'object' ? given?.path : given)
const health: Check = (value) => {
  const { liveness, readiness } = (value ?? {}) as HealthPaths
  const isTwice = liveness !== undefined && pathIn(liveness) === pathIn(readiness)
  return isTwice ? expectedHealth : healthFields(value)
}

/** An environment cannot contain other names or values (environ(7)). */
const isVariable = ([name, value]: [string, unknown]) =>
  /^[^=\0]+$/.test(name) && (value === undefined || (typeof value === 'string' && !value.includes('\0')))
const isEnvironment = (value: unknown) => isRecord(value) && Object.entries(value).every(isVariable)

/** Without a script, Node would read its program from standard input. */
const isCommand = (value: unknown) => isTextList(value) && isText((value as string[])[0])

/** Describes what the option must be, if a value is not valid. */
export const checks: Readonly<Record<keyof Settings, Check>> = {
  readyTimeoutMs: milliseconds(1),
  probationMs: milliseconds(0),
  drainTimeoutMs: milliseconds(0),
  maxDraining: (value) =>
    Number.isSafeInteger(value) && (value as number) >= 1 ? undefined : 'a whole number from 1',
  lingerMs: milliseconds(0),
  shutdownDelayMs: milliseconds(0),
  hookTimeoutMs: milliseconds(1),
  reloadSignals: signals,
  shutdownSignals: signals,
  ready: oneOf('listening', 'manual'),
  pidFile: (value) => (isText(value) ? undefined : 'a path'),
  control: (value) => (isText(value) ? undefined : 'a path'),
  moveConnections: oneOf(true, false),
  health: (value) => (value === false ? undefined : health(value)),
  exit: oneOf(true, false),
  successor: fields(
    { execPath: isText, execArgv: isTextList, args: isCommand, cwd: isText, env: isEnvironment },
    'an object with some of execPath, execArgv, args (the script first), cwd and env',
  ),
  logger: (value) =>
    value === false || isLogger(value) ? undefined : 'an object with info, warn and error, or false',
}

function isLogger(value: unknown): value is Logger {
  const candidate = value as Partial<Logger> | null
  return ['info', 'warn', 'error'].every((level) => typeof candidate?.[level as keyof Logger] === 'function')
}
