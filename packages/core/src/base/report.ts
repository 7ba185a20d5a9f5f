import type { ErrorData } from './error-data.js'
import type { DrainReason } from './state-names.js'

/** A hook that failed, timed out, or was still running when a second signal cut the shutdown short. */
export interface HookFailure {
  /** Its kind and its position: `onDrained hook 2`. */
  readonly hook: string
  readonly error: ErrorData
}

/** A part of a reload, in the order in which they happened. */
export interface Phase {
  /** `starting` until the successor is ready, `probation` until it is proven, `draining` until the end. */
  readonly name: 'starting' | 'probation' | 'draining'
  /** Milliseconds. */
  readonly ms: number
}

/** A connection that was cut at the limit, or that keeps a drain. */
export interface ActiveWork {
  readonly kind: ConnectionKind
  /** Its activity: `GET /slow`, without the query string and in at most 200 characters, or the known facts. */
  readonly what: string
  /** Milliseconds since the request, to within 100, or the connection where there is none, began. */
  readonly ageMs: number
}

/** The kinds of connection that are told apart (docs/architecture.md). */
export type ConnectionKind = 'http1' | 'https' | 'http2' | 'raw' | 'upgraded'

/** Connections of one kind. */
export interface KindCount {
  /** At a message boundary with no response in flight. Always 0 for `raw` and `upgraded`, whose protocol Handover does not know. */
  readonly idle: number
  readonly busy: number
}

/** What is open in this process, and what it has served. */
export interface Connections extends Readonly<Record<ConnectionKind, KindCount>> {
  readonly total: number
  /** HTTP requests that were begun and whose answer is not out yet. */
  readonly inFlight: number
  /** HTTP requests begun since this generation started. */
  readonly requests: number
}

/** How a reload began and, for the generation that handed over, how it ended. */
export interface ReloadReport {
  readonly outcome: 'handed-over' | 'failed'
  /** The generation that was asked to reload. */
  readonly generation: number
  readonly pid: number
  readonly successor: { readonly generation: number; readonly pid: number | undefined }
  readonly startedAt: string
  readonly phases: readonly Phase[]
  /** Open in this generation at the moment the successor was proven (or had failed). */
  readonly connections: Connections
  /** Messages on the channel that were not ours, shortened to 100 characters; at most 10. */
  readonly foreignMessages: readonly string[]
  /** Why it failed: the code and the message of the error that `reload()` rejects with. */
  readonly failure?: ErrorData & {
    /** The error that ended the successor, where it could be told. */
    readonly cause?: ErrorData
    readonly exitCode?: number | null
    readonly signal?: string | null
    /** Connections that the successor had open when it died. */
    readonly lost: number
  }
}

/** What has become of the connections of one kind. */
export interface Outcomes {
  /** Goes on in the successor. */
  readonly moved: number
  /** Was on its way to the successor when that died. */
  readonly lost: number
  /** Ended by itself, or after an answer that said so. */
  readonly closed: number
  /** Ended at the limit, or by a second signal, in the middle of something. */
  readonly cut: number
}

/** How a drain ended. */
export interface DrainReport {
  /** `drain`: `handle.drain()` was called, and the process keeps running. */
  readonly because: DrainReason | 'drain'
  /** Milliseconds. */
  readonly ms: number
  /** Open when the drain began. */
  readonly open: number
  /**
   * Connections that came later, from a predecessor that still drains or accepted at the last moment. Each has one outcome:
   * `open` and `arrived` together are `moved`, `lost`, `closed` and the `cut` of all `kinds`.
   */
  readonly arrived: number
  /** Connections that go on in the successor, of all kinds. */
  readonly moved: number
  /** Connections that were on their way to the successor when it died. */
  readonly lost: number
  /** Connections that this process kept serving, because the successor was short of file descriptors. */
  readonly refused: number
  /** Milliseconds that the one that waited longest spent between the two processes, without being read. */
  readonly longestWaitMs: number
  /** Connections that ended by themselves or after an answer that said so. */
  readonly closed: number
  /** Connections that were cut, at the limit or by a second signal: the oldest 100. `kinds` has the total number. */
  readonly cut: readonly ActiveWork[]
  /** The same numbers by kind. */
  readonly kinds: Readonly<Record<ConnectionKind, Outcomes>>
  readonly timedOut: boolean
  /** Present when the drain was cut short: by a second signal or the control socket, or because too many generations drained. */
  readonly cutShortBy?: 'operator' | 'max-draining'
}

/** The result of `shutdown()`. */
export interface ShutdownReport extends DrainReport {
  /** `beforeDrain` and `onDrained` hooks that failed, in their order. If there are any, the exit code is 1. */
  readonly hookFailures: readonly HookFailure[]
}

/** The whole of a generation's last reload: what the log and the successor get. */
export interface FinalReport {
  readonly generation: number
  readonly pid: number
  /** HTTP requests that this generation served in its life. */
  readonly requests: number
  readonly drain: DrainReport
  /** The reload that led to it; absent for a shutdown. */
  readonly reload?: ReloadReport
}
