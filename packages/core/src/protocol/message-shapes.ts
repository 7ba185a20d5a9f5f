/**
 * Checks the nested values of messages: reports, statuses and events. The supervisor prints or forwards them as JSON. A
 * program can send anything, so every field in use has a check.
 */
import type { ErrorData } from '../base/error-data.js'
import { isList, isNatural, isRecord, isString } from '../base/guards.js'
import type { StateName } from '../base/state-names.js'

type Is = (value: unknown) => boolean

/** Accepts an object whose listed fields pass. Other fields may come from a later version: see {@link isData}. */
export const shape =
  <Name extends string>(fields: Readonly<Record<Name, Is>>): Is =>
  (value) =>
    isRecord(value) && Object.entries<Is>(fields).every(([name, is]) => is(value[name]))

export const optional =
  (is: Is): Is =>
  (value) =>
    value === undefined || is(value)

export const oneOf =
  (...values: readonly unknown[]): Is =>
  (value) =>
    values.includes(value)

export const listOf =
  (is: Is): Is =>
  (value) =>
    isList(value, is)

export const isCount: Is = (value) => value === 0 || isNatural(value)
export const isFlag: Is = (value) => typeof value === 'boolean'
const isNumber: Is = (value) => typeof value === 'number'

/** The limits of {@link isData}: far more than a report of 10,000 connections needs. */
const limits = { depth: 12, values: 200_000, characters: 8 * 1024 * 1024 }

/**
 * Whether JSON can represent a value in bounded time: only plain objects, arrays, strings, numbers and booleans, without
 * cycles and without endlessly shared branches.
 */
export function isData(value: unknown): boolean {
  let [values, characters] = [0, 0]
  const isLeaf = (each: unknown) => {
    if (typeof each === 'string') characters += each.length
    return characters <= limits.characters && /^(string|number|boolean|undefined)$/.test(typeof each)
  }
  const isTree = (each: unknown, depth: number): boolean => {
    if (++values > limits.values || depth > limits.depth) return false
    if (each === null) return true
    if (Array.isArray(each)) return each.every((item) => isTree(item, depth + 1))
    if (typeof each !== 'object') return isLeaf(each)
    if (Object.getPrototypeOf(each) !== Object.prototype) return false
    return Object.entries(each).every(([name, item]) => isLeaf(name) && isTree(item, depth + 1))
  }
  return isTree(value, 0)
}

const stateNames: Readonly<Record<StateName, true>> = {
  starting: true,
  ready: true,
  'handing-over': true,
  draining: true,
  exited: true,
}
export const isState = oneOf(...Object.keys(stateNames))
export const isReason = oneOf('handed-over', 'shutdown')

const errorFields = {
  name: isString,
  message: isString,
  stack: optional(isString),
  code: optional(isString),
} satisfies Readonly<Record<keyof ErrorData, Is>>

export const isErrorData = shape(errorFields) as (value: unknown) => value is ErrorData

const isGeneration = { generation: isNatural, pid: isNatural }
/** A successor has no pid until it has started. */
const isSuccessor = shape({ generation: isNatural, pid: optional(isNatural) })
const isPhase = shape({ name: isString, ms: isNumber })
const isActiveWork = shape({ kind: isString, what: isString, ageMs: isNumber })
const isConnections = shape({ total: isCount, inFlight: isCount, requests: isCount })
const isFailure = shape({ ...errorFields, cause: optional(isErrorData), lost: isCount })

const areOutcomes = shape({ moved: isCount, lost: isCount, closed: isCount, cut: isCount })

const isDrain = shape({
  because: oneOf('handed-over', 'shutdown', 'drain'),
  ms: isNumber,
  open: isCount,
  arrived: isCount,
  moved: isCount,
  lost: isCount,
  refused: isCount,
  longestWaitMs: isNumber,
  closed: isCount,
  cut: listOf(isActiveWork),
  kinds: (kinds) => isRecord(kinds) && Object.values(kinds).every(areOutcomes),
  timedOut: isFlag,
})

const isReload = shape({
  ...isGeneration,
  outcome: oneOf('handed-over', 'failed'),
  successor: isSuccessor,
  startedAt: isString,
  phases: listOf(isPhase),
  spawnMs: optional(isNumber),
  connections: isConnections,
  foreignMessages: listOf(isString),
  failure: optional(isFailure),
})

const isFinal = shape({ ...isGeneration, requests: isCount, drain: isDrain, reload: optional(isReload) })

const isStatus = shape({
  ...isGeneration,
  state: isState,
  because: optional(isReason),
  onProbation: optional(oneOf(true)),
  uptimeMs: optional(isNumber),
  cpuMs: optional(isNumber),
  memoryBytes: optional(isNumber),
  release: optional(shape({ cwd: isString, script: isString })),
  connections: optional(isConnections),
  activeWork: optional(listOf(isActiveWork)),
  msLeft: optional(isNumber),
})

const isPhaseEvent = shape({
  ...isGeneration,
  event: oneOf('phase'),
  phase: oneOf('starting', 'probation', 'draining'),
  successor: optional(isSuccessor),
  limitMs: isNumber,
})
const isDrainEvent = shape({
  ...isGeneration,
  event: oneOf('draining'),
  open: isCount,
  of: isCount,
  msLeft: optional(isNumber),
})
/** Only the answer after the event has `ok` and `id`. */
const isEvent: Is = (value) =>
  (isPhaseEvent(value) || isDrainEvent(value)) && isRecord(value) && !('ok' in value) && !('id' in value)

export const isReloadReport: Is = (value) => isReload(value) && isData(value)
export const isFinalReport: Is = (value) => isFinal(value) && isData(value)
export const isGenerationStatus: Is = (value) => isStatus(value) && isData(value)
export const isProgress: Is = (value) => isEvent(value) && isData(value)
