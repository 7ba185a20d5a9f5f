/** How the supervisor starts a worker. */
import type { Command } from '@handover/core/supervision'

/** Starts a worker of the current release. */
export interface ReleaseCommand extends Command {
  /** Starts the same release again, even when links lead to another one by then. */
  readonly pinned: PinnedCommand
}

export interface PinnedCommand extends Command {
  readonly script: string
}
