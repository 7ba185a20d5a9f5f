/** What a drain needs, whether it drains the whole generation or some servers. */
import type { Logger } from '../base/logger.js'
import type { Settings } from '../base/settings.js'
import type { Drained } from '../connections/server-connections.js'
import type { Predecessor } from '../succession/predecessor.js'
import type { Mover } from '../transfer/mover.js'

export interface DrainParts {
  readonly tracker: Drained
  readonly logger: Logger
  readonly limits: Pick<Settings, 'drainTimeoutMs' | 'lingerMs' | 'shutdownDelayMs'>
  /** Closes the listeners. The returned function makes the servers emit `close`; call it when all have drained. */
  readonly closeListeners: () => () => void
  /** Runs before connections are drained, and stops waiting when the signal aborts. Absent without hooks. */
  readonly beforeDrain: ((cut: AbortSignal) => Promise<unknown>) | undefined
  /** A predecessor may still send connections while it drains itself. */
  readonly predecessor: Pick<Predecessor, 'ended' | 'refuseConnections'> | undefined
  /** Moves connections; absent if no successor takes them. */
  readonly mover: Mover | undefined
  /** Whether the successor runs. Absent if this generation does not stand by. */
  readonly successorRuns?: (() => boolean) | undefined
}
