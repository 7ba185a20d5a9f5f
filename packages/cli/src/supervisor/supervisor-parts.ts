/** What the supervisor needs, and what it reports. */
import type { FromWorker, Logger } from '@handover/core/supervision'
import type { ListenerPool } from './listener-pool.js'
import type { ReleaseCommand } from './release-command.js'
import type { Worker } from './worker.js'

export interface SupervisorParts {
  readonly workers: number
  /** Called for each start. Errors: the reason why no worker can start now. */
  readonly command: () => ReleaseCommand
  readonly readyTimeoutMs: number
  /** Limits from the command line. They override those of the program. */
  readonly limits: { readonly readyTimeoutMs?: number; readonly drainTimeoutMs?: number }
  readonly listeners: ListenerPool
  readonly logger: Logger
}

export interface SupervisorEvents {
  /** Called with each message of a worker, after the supervisor has handled it. */
  onMessage(worker: Worker, message: FromWorker, handle: object | undefined): void
  onExit(worker: Worker): void
  /** Returns the command for the successor, or `undefined` for the current release. Errors: why it may not start. */
  onSuccessorRequested(worker: Worker): ReleaseCommand | undefined
}
