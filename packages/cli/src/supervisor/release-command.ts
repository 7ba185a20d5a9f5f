/** The commands that start workers. */
import type { Command } from '@handover/core/supervision'

/** The command that starts a worker of the current release. */
export interface ReleaseCommand extends Command {
  /** Starts the same release again, even after symbolic links point to another one. */
  readonly pinned: PinnedCommand
}

export interface PinnedCommand extends Command {
  readonly script: string
}
