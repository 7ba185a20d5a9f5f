import type { ErrorData } from './error-data.js'
import type { DrainReason } from './state-names.js'

/** A hook that failed, timed out, or was still running when a second signal cut the shutdown short. */
export interface HookFailure {
  /** Its kind and its position: `onDrained hook 2`. */
  readonly hook: string
  readonly error: ErrorData
}

/** A phase of a reload. */
export interface Phase {
  /** `starting` until the successor is ready, `probation` until it is proven, `draining` until the drain ends. */
  readonly name: 'starting' | 'probation' | 'draining'
  /** Milliseconds. */
  readonly ms: number
}

/** A connection that a drain waits for, or that it cut. */
export interface ActiveWork {
  readonly kind: ConnectionKind
  /** Its activity: `GET /slow`, without the query string and with at most 200 characters, or a description. */
  readonly what: string
  /** Milliseconds since the request began, to within 100. Without a request, since the connection opened. */
  readonly ageMs: number
}

/** The kinds of connections: HTTP/1.1, HTTPS, HTTP/2, raw (another protocol), or upgraded. */
export type ConnectionKind = 'http1' | 'https' | 'http2' | 'raw' | 'upgraded'

/** The number of connections of one kind. */
export interface KindCount {
  /** At a message boundary without a response in flight. Always 0 for `raw` and `upgraded`: Handover cannot know. */
  readonly idle: number
  readonly busy: number
}

/** The connections and requests of this process. */
export interface Connections extends Readonly<Record<ConnectionKind, KindCount>> {
  readonly total: number
  /** HTTP requests without a complete response. */
  readonly inFlight: number
  /** HTTP requests since this generation started. */
  readonly requests: number
}

/** The report of a reload, up to the end of the probation. */
export interface ReloadReport {
  readonly outcome: 'handed-over' | 'failed'
  /** The generation that reloaded. */
  readonly generation: number
  readonly pid: number
  readonly successor: { readonly generation: number; readonly pid: number | undefined }
  /** When the reload began (ISO 8601). */
  readonly startedAt: string
  readonly phases: readonly Phase[]
  /**
   * How long starting the process of the successor blocked the event loop of this process, in milliseconds. Absent under
   * `handover run`, whose supervisor starts it, and if the reload failed earlier.
   */
  readonly spawnMs?: number
  /** The connections of this generation when the successor was proven, or failed. */
  readonly connections: Connections
  /** Messages on the channel that Handover did not send: at most 10, each shortened to 100 characters. */
  readonly foreignMessages: readonly string[]
  /** The error that `reload()` rejects with. */
  readonly failure?: ErrorData & {
    /** The error that ended the successor, if known. */
    readonly cause?: ErrorData
    /** The exit code of the successor; `null` if a signal ended it, or it still runs. */
    readonly exitCode?: number | null
    /** The signal that ended the successor. */
    readonly signal?: string | null
    /** The open connections of the successor when it died. */
    readonly lost: number
  }
}

/** The outcomes of the connections of one kind. */
export interface Outcomes {
  /** Moved to the successor. */
  readonly moved: number
  /** In transit to the successor when the successor died. */
  readonly lost: number
  /** Ended in order: by the client or the application, after the last response, or while idle. */
  readonly closed: number
  /** Cut while busy, because the drain timed out or was cut short. */
  readonly cut: number
}

/** The report of a drain. */
export interface DrainReport {
  /** `drain`: `handle.drain()` was called, and the process keeps running. */
  readonly because: DrainReason | 'drain'
  /** Milliseconds. */
  readonly ms: number
  /** The connections that were open when the drain began. */
  readonly open: number
  /**
   * Connections that opened later: moved here by a draining predecessor, or accepted at the last moment. The sum of
   * `open` and `arrived` equals the sum of `moved`, `lost`, `closed`, and the `cut` numbers of all `kinds`.
   */
  readonly arrived: number
  /** Connections of all kinds that moved to the successor. */
  readonly moved: number
  /** Connections that were in transit to the successor when it died. */
  readonly lost: number
  /** Connections that this process kept because the successor was short of file descriptors. */
  readonly refused: number
  /** The longest time that a connection was in transit, in milliseconds. Neither process reads it meanwhile. */
  readonly longestWaitMs: number
  /** Connections that ended in order: by the client or the application, after the last response, or while idle. */
  readonly closed: number
  /** The oldest 100 connections that were cut. `kinds` has the total numbers. */
  readonly cut: readonly ActiveWork[]
  /** The outcomes by kind of connection. */
  readonly kinds: Readonly<Record<ConnectionKind, Outcomes>>
  /** Whether the drain timed out while connections were busy. */
  readonly timedOut: boolean
  /** What cut the drain short: a second signal or `stop` request (`operator`), or `maxDraining`. */
  readonly cutShortBy?: 'operator' | 'max-draining'
}

/** The result of `shutdown()`. */
export interface ShutdownReport extends DrainReport {
  /** The `beforeDrain` and `onDrained` hooks that failed, in order. If there are any, the exit code is 1. */
  readonly hookFailures: readonly HookFailure[]
}

/** The last report of a generation, for the log and for the successor. */
export interface FinalReport {
  readonly generation: number
  readonly pid: number
  /** HTTP requests that this generation served. */
  readonly requests: number
  readonly drain: DrainReport
  /** The reload before the drain; absent after a shutdown. */
  readonly reload?: ReloadReport
}
