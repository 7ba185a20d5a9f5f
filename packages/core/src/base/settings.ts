import type { Logger } from './logger.js'

/** How the successor is started; what is left out stays as this process was started. */
export interface SuccessorOptions {
  /** The program, instead of the Node that runs this one. */
  readonly execPath?: string
  /** Options for Node, before the script. */
  readonly execArgv?: readonly string[]
  /** The script and its arguments. */
  readonly args?: readonly string[]
  /** The working directory; a symbolic link is followed anew at each reload. */
  readonly cwd?: string
  /** Variables to set; `undefined` removes one. The others are those that this process was started with. */
  readonly env?: Readonly<Record<string, string | undefined>>
}

/** The path of a health answer, with a check of the program. */
export interface HealthCheck {
  readonly path: string
  /**
   * Runs at each probe; concurrent probes share one run. `false`, an error or a timeout answers 503, with the message of
   * an error. An object with a numeric `status` or with a `body` sets those of the answer. Any other
   * value is `result` in the answer. The signal aborts at the timeout.
   */
  readonly check?: (signal: AbortSignal) => unknown
  /** Default 5000. */
  readonly timeoutMs?: number
}

/** The paths of liveness and readiness on every HTTP server of the process, each optionally with a check. */
export interface HealthPaths {
  /** 200 as long as the process answers at all, unless a check fails. */
  readonly liveness?: string | HealthCheck
  /**
   * 200 while the service can be used; 503 before it is ready, after `setReady(false)`, from the first moment of a
   * shutdown, and when a check fails.
   */
  readonly readiness?: string | HealthCheck
}

/** The options of `graceful`. All of them are optional; times are whole milliseconds. */
export interface GracefulOptions {
  /** How long a successor may take until it is ready. Default 60000. */
  readonly readyTimeoutMs?: number
  /** How long a successor that is ready must live before this generation lets go. Default 1000. */
  readonly probationMs?: number
  /** How long open connections may take to finish. Default 30000. */
  readonly drainTimeoutMs?: number
  /**
   * How many generations may drain at once. When there are more, the oldest cuts its drain short. Under `handover run`
   * the limit applies to each worker. Default 32.
   */
  readonly maxDraining?: number
  /** How long an idle connection may still send a request at a shutdown. Default 1000. */
  readonly lingerMs?: number
  /** How long to serve on, answering *not ready*, before a shutdown drains. Default 0. */
  readonly shutdownDelayMs?: number
  /** How long each `beforeDrain` and `onDrained` hook, and the state for a successor, may take. Default 10000. */
  readonly hookTimeoutMs?: number
  /** Signals that ask for a reload. Default `['SIGHUP']`. */
  readonly reloadSignals?: readonly NodeJS.Signals[]
  /** Signals that ask for a shutdown; the second one cuts it short. Default `['SIGTERM', 'SIGINT']`. */
  readonly shutdownSignals?: readonly NodeJS.Signals[]
  /** `'listening'`: ready once the server listens; `'manual'`: once `handle.ready()` was called. Default `'listening'`. */
  readonly ready?: 'listening' | 'manual'
  /** The file that names the serving process, mode 0600. Default: none. */
  readonly pidFile?: string | undefined
  /** The path of the control socket, mode 0600, for `handover reload`, `status` and `stop`. Default: none. */
  readonly control?: string | undefined
  /**
   * Whether open HTTP/1.1 connections go to the successor, and under `handover run` to the worker that has fewer;
   * `false`: they end after an answer that says so. Default `true`.
   */
  readonly moveConnections?: boolean
  /** Paths of the health answers, and checks. Default `false`: none. */
  readonly health?: HealthPaths | false
  /**
   * `false`: a shutdown ends without an exit, for tests and embedding: everything drains, hooks run, and Handover
   * removes its signal listeners and every other global. After a handover the process still exits. Default `true`.
   */
  readonly exit?: boolean
  /** What to change for the successor. Default `{}`: nothing. */
  readonly successor?: SuccessorOptions
  /** Anything with pino's `info`, `warn` and `error`; `false` for silence. Default: lines on standard error. */
  readonly logger?: Logger | false | undefined
}

/** The options with nothing left out. */
export type Settings = Required<GracefulOptions>

/** The defaults, here and nowhere else. */
export const defaults: Omit<Settings, 'logger'> = Object.freeze({
  readyTimeoutMs: 60_000,
  probationMs: 1_000,
  drainTimeoutMs: 30_000,
  maxDraining: 32,
  lingerMs: 1_000,
  shutdownDelayMs: 0,
  hookTimeoutMs: 10_000,
  reloadSignals: Object.freeze(['SIGHUP'] as const),
  shutdownSignals: Object.freeze(['SIGTERM', 'SIGINT'] as const),
  ready: 'listening',
  pidFile: undefined,
  control: undefined,
  moveConnections: true,
  health: false,
  exit: true,
  successor: Object.freeze({}),
})

/** The options that the registrations have set, and the complete options with defaults. */
export interface Agreed {
  readonly given: GracefulOptions
  readonly settings: Settings
}
