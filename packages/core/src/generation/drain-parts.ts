/** What a drain needs, of a generation or of some of its servers. */
import type { Logger } from '../base/logger.js'
import type { Drained } from '../connections/server-connections.js'
import type { Predecessor } from '../succession/predecessor.js'
import type { Mover } from '../transfer/mover.js'

export interface DrainParts {
  readonly tracker: Drained
  readonly logger: Logger
  readonly limits: {
    readonly drainTimeoutMs: number
    readonly lingerMs: number
    readonly shutdownDelayMs: number
  }
  /** Closes the listeners. The servers say `close` when what is returned is called: when all have drained. */
  readonly closeListeners: () => () => void
  /** Runs before connections are drained; stops waiting when the signal aborts. Absent where there is no hook. */
  readonly beforeDrain: ((cut: AbortSignal) => Promise<unknown>) | undefined
  /** A predecessor that drains itself may still send connections. */
  readonly predecessor: Pick<Predecessor, 'ended' | 'refuseConnections'> | undefined
  /** Where connections go; absent where there is no successor that takes them. */
  readonly mover: Mover | undefined
  /** Whether the successor that this generation stands by for runs; absent where it does not. */
  readonly successorRuns?: (() => boolean) | undefined
}
