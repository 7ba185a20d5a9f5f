import type { Logger } from './logger.js'

/** How to start the successor. The default of each option is how this process was started. */
export interface SuccessorOptions {
  /** The Node.js executable, or another program. */
  readonly execPath?: string
  /** Options for Node.js, before the script. */
  readonly execArgv?: readonly string[]
  /** The script and its arguments. */
  readonly args?: readonly string[]
  /** The working directory. Each reload resolves a symbolic link again. */
  readonly cwd?: string
  /** Changes to the environment variables that this process was started with. `undefined` removes a variable. */
  readonly env?: Readonly<Record<string, string | undefined>>
}

/** A health path with a check by the program. */
export interface HealthCheck {
  readonly path: string
  /**
   * Runs for each probe. Concurrent probes share one run. `false`, an error or a timeout answers 503, with the error's
   * message. An object with a numeric `status` or a `body` sets those of the response. Any other value is `result` in
   * the response. The signal aborts at the timeout.
   */
  readonly check?: (signal: AbortSignal) => unknown
  /** How long the check may take, in milliseconds. Default 5000. */
  readonly timeoutMs?: number
}

/** The paths for liveness and readiness on every HTTP server of the process. */
export interface HealthPaths {
  /** Answers 200 unless its check fails. */
  readonly liveness?: string | HealthCheck
  /**
   * Answers 200 while the service is ready. Answers 503 before that, after `setReady(false)`, from the beginning of a
   * shutdown, and when its check fails.
   */
  readonly readiness?: string | HealthCheck
}

/** The options of `graceful`. Times are whole milliseconds. */
export interface GracefulOptions {
  /** How long a successor may take to become ready. Default 60000. */
  readonly readyTimeoutMs?: number
  /** How long a ready successor must keep running before this generation drains. Default 1000. */
  readonly probationMs?: number
  /** How long a drain may take. Default 30000. */
  readonly drainTimeoutMs?: number
  /**
   * How many generations may drain at once. If there are more, the oldest one cuts its drain short. Under
   * `handover run` the limit applies to each worker. Default 32.
   */
  readonly maxDraining?: number
  /** How long an idle connection may still send a request during a shutdown. Default 1000. */
  readonly lingerMs?: number
  /** How long to keep serving, but report *not ready*, before a shutdown drains. Default 0. */
  readonly shutdownDelayMs?: number
  /** The limit for each `beforeDrain`, `onDrained` and `provideState` function. Default 10000. */
  readonly hookTimeoutMs?: number
  /** Signals that request a reload. The program's own listeners do not get them. Default `['SIGHUP']`. */
  readonly reloadSignals?: readonly NodeJS.Signals[]
  /**
   * Signals that request a shutdown. A second signal cuts it short. The program's own listeners run after the drain, before
   * the exit. Default `['SIGTERM', 'SIGINT']`.
   */
  readonly shutdownSignals?: readonly NodeJS.Signals[]
  /** Ready once the server listens (`'listening'`), or after `handle.ready()` (`'manual'`). Default `'listening'`. */
  readonly ready?: 'listening' | 'manual'
  /** The path of the PID file, mode 0600. Default: none. */
  readonly pidFile?: string | undefined
  /** The path of the control socket, mode 0600, for `handover reload`, `status` and `stop`. Default: none. */
  readonly control?: string | undefined
  /**
   * Whether open HTTP/1.1 connections move to the successor, and under `handover run` to less busy workers. If `false`,
   * they end after a response with `Connection: close`. Default `true`.
   */
  readonly moveConnections?: boolean
  /** The health paths. Default `false`: none. */
  readonly health?: HealthPaths | false
  /**
   * Whether a shutdown exits. `false` is for tests and embedding: everything drains, hooks run, and Handover removes
   * its signal listeners and all its other globals. After a handover the process still exits. Default `true`.
   */
  readonly exit?: boolean
  /** How to start the successor. Default `{}`: as this process was started. */
  readonly successor?: SuccessorOptions
  /**
   * A logger with pino's `info`, `warn` and `error`; `false` for none. Default: lines on standard error; in test files of
   * vitest and Jest, only warnings and errors.
   */
  readonly logger?: Logger | false | undefined
}

/** The options with their defaults. */
export type Settings = Required<GracefulOptions>

/** The only definition of the defaults. */
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

/** The options that all registrations of the process have set, without and with the defaults. */
export interface Agreed {
  readonly given: GracefulOptions
  readonly settings: Settings
}
