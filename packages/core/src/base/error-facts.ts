import type { ReloadReport } from './report.js'
import type { StateName } from './state-names.js'

/** The facts of a {@link HandoverError}. They depend on its code (docs/reference/errors.md). */
export interface Facts {
  /** The option with the wrong value. */
  readonly option?: string
  /** The wrong value. */
  readonly value?: unknown
  /** The options that two calls set to different values. */
  readonly options?: readonly string[]
  /** The generation that refused. */
  readonly generation?: number
  /** The state of the generation that refused. */
  readonly state?: StateName
  /** The process that failed or refused. */
  readonly pid?: number | undefined
  /** The exit code of the successor; `null` if a signal ended it, or it still runs. */
  readonly exitCode?: number | null
  /** The signal that ended the successor. */
  readonly signal?: string | null
  /** How many open connections were lost. */
  readonly lost?: number
  /** The protocol version of the other process. */
  readonly theirs?: unknown
  /** The protocol version of this process. */
  readonly ours?: number
  /** The PID of the process that the inheritance is from. */
  readonly starter?: number
  /** The PID of the parent process. */
  readonly ppid?: number
  /** The descriptor of a listener. */
  readonly fd?: number
  /** The requested address of a listener. */
  readonly key?: string
  /** The address in use. */
  readonly address?: string | undefined
  /** The port in use. */
  readonly port?: number | undefined
  /** The inherited addresses that the program did not use. */
  readonly unclaimed?: readonly string[]
  /** The addresses on which the program no longer listens. */
  readonly stopped?: readonly string[]
  /** The path of the PID file. */
  readonly pidFile?: string
  /** The path of the control socket. */
  readonly control?: string
  /** The id of the control request. */
  readonly id?: number | string
  /** The working directory of the successor. */
  readonly cwd?: string
  /** The executable of the successor. */
  readonly execPath?: string
  /** The limit that the successor exceeded. */
  readonly readyTimeoutMs?: number
  /** The limit that the hook exceeded. */
  readonly hookTimeoutMs?: number
  /** The report of the failed reload. */
  readonly report?: ReloadReport | undefined
  /** Under a supervisor: the reports of all workers that reloaded, the failed one last. */
  readonly reports?: readonly ReloadReport[]
}
