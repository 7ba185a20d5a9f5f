/** Messages on a control socket: one JSON object per line (docs/reference/protocol.md). */
import { type ErrorData, errorData } from '../base/error-data.js'
import { HandoverError } from '../base/errors.js'
import { isRecord } from '../base/guards.js'
import type {
  ActiveWork,
  Connections,
  DrainReport,
  FinalReport,
  Phase,
  ReloadReport,
} from '../base/report.js'
import type { DrainReason, StateName } from '../base/state-names.js'
import type { Check } from './message-table.js'

/** The version of the control protocol. Every request names it. */
export const controlVersion = 1

/** The requests of a client. */
export type ControlVerb = 'status' | 'watch' | 'reload' | 'stop'

/** The client chooses it, and each answer repeats it. */
export type RequestId = number | string

export interface ControlRequest {
  readonly handover: number
  readonly id: RequestId
  readonly request: ControlVerb
  /** For `reload`: whether to answer only after the predecessor has drained. Default: true. */
  readonly wait?: boolean
}

/** A reload, with the drain that followed it, once the drain has ended. */
export interface ReloadResult extends ReloadReport {
  readonly drain?: DrainReport
}

/** The result of one `reload` request: one report for each generation that reloaded. A failed one is the last. */
export interface ReloadSummary {
  readonly outcome: ReloadReport['outcome']
  readonly reports: readonly ReloadResult[]
}

/** One process. A successor in its probation has only the required fields. */
export interface GenerationStatus {
  readonly generation: number
  readonly pid: number
  readonly state: StateName
  readonly because?: DrainReason
  readonly onProbation?: true
  readonly uptimeMs?: number
  /** The release that it runs: its directory and its script, with links resolved. */
  readonly release?: { readonly cwd: string; readonly script: string }
  readonly connections?: Connections
  /** The oldest connections that are not idle, at most ten. */
  readonly activeWork?: readonly ActiveWork[]
  /** While it drains: milliseconds until the remaining connections are cut. */
  readonly msLeft?: number
}

export interface ControlStatus {
  /** The process of `handover run`, if there is one. */
  readonly supervisor?: { readonly pid: number; readonly uptimeMs: number; readonly workers: number }
  /** The serving generations, then a successor, then draining predecessors. */
  readonly generations: readonly GenerationStatus[]
  /** Absent before the first reload. */
  readonly lastReload?: ReloadSummary
}

/** The result of a `stop`: the exit code of the process, and a report of each stopped generation. */
export interface StopSummary {
  readonly code: number
  readonly reports: readonly FinalReport[]
}

/** A line before the answer. */
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
  /** Progress of a drain: `open` of the `of` connections at its start are still open. */
  | {
      readonly event: 'draining'
      readonly generation: number
      readonly pid: number
      readonly open: number
      readonly of: number
      /** Until the remaining connections are cut; absent while a shutdown keeps serving (`shutdownDelayMs`). */
      readonly msLeft?: number
    }
  /** The request is in progress: sent every second until the answer. */
  | { readonly event: 'alive' }
  /** The answer to `watch`, repeated. */
  | { readonly event: 'status'; readonly status: ControlStatus }

export type ControlAnswer =
  | { readonly ok: true; readonly status: ControlStatus }
  | { readonly ok: true; readonly reload: ReloadSummary }
  | { readonly ok: true; readonly stop: StopSummary }
  | { readonly ok: false; readonly error: ControlError; readonly reload?: ReloadSummary }

/** The reason for a failure. The `cause` of a failed reload is the error that ended the successor. */
export interface ControlError {
  readonly code: string
  readonly message: string
  readonly cause?: ErrorData
}

/** A line from the service. `id` is `null` where the request could not be read. */
export type ControlLine = { readonly id: RequestId | null } & (ControlEvent | ControlAnswer)

const longestId = 100

const hasWait: Check = ({ wait }) => wait === undefined || typeof wait === 'boolean'

/** Each request, with the check of its own fields. */
const requests: Readonly<Record<ControlVerb, Check>> = {
  status: hasWait,
  watch: hasWait,
  reload: hasWait,
  stop: hasWait,
}

const isVerb = (value: unknown): value is ControlVerb =>
  typeof value === 'string' && Object.hasOwn(requests, value)

/** Reads a line. Errors: `ERR_HANDOVER_REQUEST`, with the `id` of the request where it has one. */
export function readRequest(line: string): ControlRequest {
  let raw: unknown
  try {
    raw = JSON.parse(line)
  } catch {
    throw wrong('a request is one line of JSON')
  }
  if (!isRecord(raw)) throw wrong('a request is an object')
  const id = isId(raw.id) ? raw.id : undefined
  if (raw.handover !== controlVersion) {
    throw wrong(`"handover" must be ${controlVersion}, the version that is spoken here`, id)
  }
  if (id === undefined) throw wrong(`"id" must be a number, or a text of at most ${longestId} characters`)
  if (!isVerb(raw.request)) throw wrong(`"request" must be one of ${Object.keys(requests).join(', ')}`, id)
  if (!requests[raw.request](raw)) throw wrong('"wait" must be true or false', id)
  return raw as unknown as ControlRequest
}

const isId = (value: unknown): value is RequestId =>
  Number.isSafeInteger(value) || (typeof value === 'string' && value.length <= longestId)

/** The error for a request that the service cannot read. */
export function wrong(why: string, id?: RequestId): HandoverError {
  const facts = id === undefined ? {} : { id }
  return new HandoverError('ERR_HANDOVER_REQUEST', `The request was not understood: ${why}.`, facts)
}

/** The error for a request that is refused for now. `what` names the load that reached its limit. */
export function busy(what: string, id?: RequestId): HandoverError {
  const facts = id === undefined ? {} : { id }
  return new HandoverError(
    'ERR_HANDOVER_BUSY',
    `The control socket ${what}: nothing was done. Ask again later.`,
    facts,
  )
}

/** The answer to a failed request. */
export function failureOf(thrown: unknown): ControlAnswer {
  const { name, message, code = name } = errorData(thrown)
  const { cause, report, reports } = (thrown ?? {}) as Partial<HandoverError>
  const all = reports ?? (report ? [report] : undefined)
  return {
    ok: false,
    error: { code, message, ...(cause === undefined ? {} : { cause: errorData(cause) }) },
    ...(all ? { reload: { outcome: 'failed', reports: all } } : {}),
  }
}
