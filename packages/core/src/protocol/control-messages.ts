/** Messages on a control socket: one JSON object per line (docs/reference/protocol.md). */
import { type ErrorData, errorData } from '../base/error-data.js'
import { HandoverError } from '../base/errors.js'
import { isNatural, isRecord } from '../base/guards.js'
import type {
  ActiveWork,
  Connections,
  DrainReport,
  FinalReport,
  Phase,
  ReloadReport,
} from '../base/report.js'
import type { DrainReason, StateName } from '../base/state-names.js'

/** The version of the control protocol, which every request states. */
export const controlVersion = 1

const verbs = ['status', 'watch', 'reload', 'scale', 'stop'] as const
export type ControlVerb = (typeof verbs)[number]

/** The client chooses the id, and each answer repeats it. */
export type RequestId = number | string

export interface ControlRequest {
  readonly handover: number
  readonly id: RequestId
  readonly request: ControlVerb
  /** For `reload`: whether the answer waits until the predecessor has drained. Default: true. */
  readonly wait?: boolean
  /** For `scale`: the new number of workers. */
  readonly workers?: number
}

/** A reload, and the drain after it once that drain has ended. */
export interface ReloadResult extends ReloadReport {
  readonly drain?: DrainReport
}

/** The result of a `reload` request: a report for each generation that reloaded. A failed report is the last one. */
export interface ReloadSummary {
  readonly outcome: ReloadReport['outcome']
  /** In the status of `handover run`: the signal, changed file or schedule that requested the reload. */
  readonly reason?: string
  readonly reports: readonly ReloadResult[]
}

/** One process. A successor on probation has only the required fields. */
export interface GenerationStatus {
  readonly generation: number
  readonly pid: number
  readonly state: StateName
  readonly because?: DrainReason
  readonly onProbation?: true
  readonly uptimeMs?: number
  /** CPU time since the start of the process, in milliseconds. */
  readonly cpuMs?: number
  /** Resident memory, in bytes. */
  readonly memoryBytes?: number
  /** The running release: its directory and its script, with links resolved. */
  readonly release?: { readonly cwd: string; readonly script: string }
  readonly connections?: Connections
  /** The oldest connections that are not idle, at most ten. */
  readonly activeWork?: readonly ActiveWork[]
  /** During a drain: milliseconds until the remaining connections are cut. */
  readonly msLeft?: number
}

export interface ControlStatus {
  /** Present under `handover run`. */
  readonly supervisor?: { readonly pid: number; readonly uptimeMs: number; readonly workers: number }
  /** The serving generations, then the successor, then the draining predecessors. */
  readonly generations: readonly GenerationStatus[]
  /** Absent before the first reload. */
  readonly lastReload?: ReloadSummary
}

/** The result of a `scale` request: the number of workers before and now, and a report for each worker that has left. */
export interface ScaleSummary {
  readonly before: number
  readonly workers: number
  /** How many connections moved from the leaving workers to the remaining ones before they drained. */
  readonly moved: number
  readonly reports: readonly FinalReport[]
}

/** The result of a `stop` request: the exit code of the process, and a report for each stopped generation. */
export interface StopSummary {
  readonly code: number
  readonly reports: readonly FinalReport[]
}

/** A line that the service sends before the answer. */
export type ControlEvent =
  /** A phase of a reload has begun, and may take `limitMs`. `generation` and `pid` are those of the predecessor. */
  | {
      readonly event: 'phase'
      readonly phase: Phase['name']
      readonly generation: number
      readonly pid: number
      readonly successor?: { readonly generation: number; readonly pid: number | undefined }
      readonly limitMs: number
    }
  /** Progress of a drain: `open` of the initial `of` connections are still open. */
  | {
      readonly event: 'draining'
      readonly generation: number
      readonly pid: number
      readonly open: number
      readonly of: number
      /** Until the remaining connections are cut; absent while a shutdown keeps serving (`shutdownDelayMs`). */
      readonly msLeft?: number
    }
  /** The request is in progress. Sent every second until the answer. */
  | { readonly event: 'alive' }
  /** Sent for `watch`: at once, after each change, and every second. */
  | { readonly event: 'status'; readonly status: ControlStatus }

export type ControlAnswer =
  | { readonly ok: true; readonly status: ControlStatus }
  | { readonly ok: true; readonly reload: ReloadSummary }
  | { readonly ok: true; readonly scale: ScaleSummary }
  | { readonly ok: true; readonly stop: StopSummary }
  | { readonly ok: false; readonly error: ControlError; readonly reload?: ReloadSummary }

/** Why a request failed. For a failed reload, `cause` is the error that ended the successor. */
export interface ControlError {
  readonly code: string
  readonly message: string
  readonly cause?: ErrorData
}

/** A line from the service. `id` is `null` if the service could not read the id of the request. */
export type ControlLine = { readonly id: RequestId | null } & (ControlEvent | ControlAnswer)

const longestId = 100
/** The most workers that a service can have. */
export const maxWorkers = 1_000

/** Reads a line. Errors: `ERR_HANDOVER_REQUEST`, with the `id` of the request if it has one. */
export function readRequest(line: string): ControlRequest {
  let raw: unknown
  try {
    raw = JSON.parse(line)
  } catch {
    throw invalidRequest('a request is one line of JSON')
  }
  if (!isRecord(raw)) throw invalidRequest('a request is an object')
  const id = isId(raw.id) ? raw.id : undefined
  if (raw.handover !== controlVersion) {
    throw invalidRequest(`"handover" must be ${controlVersion}, the protocol version of this service`, id)
  }
  if (id === undefined)
    throw invalidRequest(`"id" must be a number, or a string of at most ${longestId} characters`)
  if (!verbs.some((verb) => verb === raw.request))
    throw invalidRequest(`"request" must be one of ${verbs.join(', ')}`, id)
  if (raw.wait !== undefined && typeof raw.wait !== 'boolean')
    throw invalidRequest('"wait" must be true or false', id)
  if (raw.request === 'scale' && !isWorkers(raw.workers))
    throw invalidRequest(`"workers" must be a number from 1 to ${maxWorkers}`, id)
  return raw as unknown as ControlRequest
}

const isId = (value: unknown): value is RequestId =>
  Number.isSafeInteger(value) || (typeof value === 'string' && value.length <= longestId)

const isWorkers = (value: unknown): boolean => isNatural(value) && value <= maxWorkers

export function invalidRequest(why: string, id?: RequestId): HandoverError {
  return new HandoverError('ERR_HANDOVER_REQUEST', `The request is invalid: ${why}.`, factsOf(id))
}

/** The error for a request that may succeed later. `what` names the limit that the control socket has reached. */
export function busy(what: string, id?: RequestId): HandoverError {
  const message = `The control socket ${what}. Nothing was done. Try again later.`
  return new HandoverError('ERR_HANDOVER_BUSY', message, factsOf(id))
}

const factsOf = (id: RequestId | undefined) => (id === undefined ? {} : { id })

/** The answer to a failed request. */
export function failureOf(thrown: unknown): ControlAnswer {
  const { name, message, code = name } = errorData(thrown)
  const { cause, report, reports } = (thrown ?? {}) as Partial<HandoverError>
  const all = reports ?? (report ? [report] : undefined)
  return {
    ok: false,
    error: { code, message, ...(cause !== undefined && { cause: errorData(cause) }) },
    ...(all && { reload: { outcome: 'failed', reports: all } }),
  }
}
