/** Messages on a control socket: one JSON object per line (docs/reference/protocol.md). */
import { type ErrorData, errorData, HandoverError } from '../base/errors.js'
import { isRecord } from '../base/guards.js'
import type { Connections, DrainReport, FinalReport, Holding, Phase, ReloadReport } from '../base/report.js'
import type { DrainReason, StateName } from '../base/state-names.js'

/** The version of everything below; a request names it. */
export const controlVersion = 1

/** What can be asked. */
export type ControlVerb = 'status' | 'watch' | 'reload' | 'stop'

const verbs: readonly string[] = ['status', 'watch', 'reload', 'stop'] satisfies ControlVerb[]

/** By it whoever asked knows what is answered. */
export type RequestId = number | string

export interface ControlRequest {
  readonly handover: number
  readonly id: RequestId
  readonly request: ControlVerb
  /** Of `reload`: whether to answer only when the predecessor has drained. Default: true. */
  readonly wait?: boolean
}

/** A reload, with the drain that followed it once that is over. */
export interface ReloadResult extends ReloadReport {
  readonly drain?: DrainReport
}

/** What came of one `reload`: one result for each generation that was asked, the last one failed if any did. */
export interface ReloadSummary {
  readonly outcome: ReloadReport['outcome']
  readonly reports: readonly ReloadResult[]
}

/** One process. Of a successor that is not proven yet no more is known than that it is there. */
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
  /** What is not idle, the oldest first; no more than ten. */
  readonly holding?: readonly Holding[]
  /** While it drains: milliseconds until what is still open is cut. */
  readonly msLeft?: number
}

export interface ControlStatus {
  /** The process of `handover run`, where there is one. */
  readonly supervisor?: { readonly pid: number; readonly uptimeMs: number; readonly workers: number }
  /** Those that serve first, then a successor, then predecessors that drain. */
  readonly generations: readonly GenerationStatus[]
  /** Absent as long as there was none. */
  readonly lastReload?: ReloadSummary
}

/** How a `stop` ended: the code with which the process leaves, and a report of each generation that was stopped. */
export interface StopSummary {
  readonly code: number
  readonly reports: readonly FinalReport[]
}

/** What is told before the answer. */
export type ControlEvent =
  /** A phase of a reload has begun, and may take `limitMs`. `generation` and `pid` are those that were asked. */
  | {
      readonly event: 'phase'
      readonly phase: Phase['name']
      readonly generation: number
      readonly pid: number
      readonly successor?: { readonly generation: number; readonly pid: number | undefined }
      readonly limitMs: number
    }
  /** How far a drain is: `open` of the `of` connections that were open when it began. */
  | {
      readonly event: 'draining'
      readonly generation: number
      readonly pid: number
      readonly open: number
      readonly of: number
      /** Until what is still open is cut; absent as long as a shutdown serves on (`shutdownDelayMs`). */
      readonly msLeft?: number
    }
  /** What was asked for is under way: comes every second until it is answered. */
  | { readonly event: 'alive' }
  /** The answer to `watch`, again and again. */
  | { readonly event: 'status'; readonly status: ControlStatus }

export type ControlAnswer =
  | { readonly ok: true; readonly status: ControlStatus }
  | { readonly ok: true; readonly reload: ReloadSummary }
  | { readonly ok: true; readonly stop: StopSummary }
  | { readonly ok: false; readonly error: ControlError; readonly reload?: ReloadSummary }

/** Why not. `cause` is what led to it: of a failed reload the error that ended the successor. */
export interface ControlError {
  readonly code: string
  readonly message: string
  readonly cause?: ErrorData
}

/** A line from the service. `id` is `null` where the request could not be read. */
export type ControlLine = { readonly id: RequestId | null } & (ControlEvent | ControlAnswer)

/** Whom a control socket controls: a generation, or `handover run`. */
export interface Controlled {
  status(): ControlStatus | Promise<ControlStatus>
  reload(progress: (event: ControlEvent) => void): ReloadUnderway
  stop(progress: (event: ControlEvent) => void): Promise<StopSummary>
  /** Calls `onChange` when the status has changed. Returns the way back. */
  subscribe(onChange: () => void): () => void
}

/** Both reject with a `HandoverError`; its `reports`, or its `report` alone, are told with it. */
export interface ReloadUnderway {
  /** Resolves when the successors serve and are proven. */
  readonly proven: Promise<ReloadSummary>
  /** Resolves when the predecessors have drained, too. */
  readonly drained: Promise<ReloadSummary>
}

const longestId = 100

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
  if (typeof raw.request !== 'string' || !verbs.includes(raw.request)) {
    throw wrong(`"request" must be one of ${verbs.join(', ')}`, id)
  }
  if (raw.wait !== undefined && typeof raw.wait !== 'boolean') throw wrong('"wait" must be true or false', id)
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

/** The answer that says why not. */
export function failureOf(thrown: unknown): ControlAnswer {
  const { name, message, code = name } = errorData(thrown)
  const { cause, report, reports } = (thrown ?? {}) as {
    cause?: unknown
    report?: ReloadReport
    reports?: readonly ReloadReport[]
  }
  const told = reports ?? (report ? [report] : undefined)
  return {
    ok: false,
    error: { code, message, ...(cause === undefined ? {} : { cause: errorData(cause) }) },
    ...(told ? { reload: { outcome: 'failed', reports: told } } : {}),
  }
}
