/** What the link to the supervisor needs from a generation. */
import type { EventEmitter } from 'node:events'
import type { GracefulEvents } from '../base/events.js'
import type { Logger } from '../base/logger.js'
import type { GracefulOptions, Settings } from '../base/settings.js'
import type { Tracker } from '../connections/tracker.js'
import type { Controlled } from '../control/controlled.js'
import type { Listeners } from '../listeners/listeners.js'
import type { Platform } from '../platform/process.js'
import type { ControlEvent, GenerationStatus } from '../protocol/control-messages.js'
import type { IncomingConnections } from '../transfer/incoming.js'

/** What a supervisor can order a generation to do. */
export interface SupervisorOrders extends Pick<Controlled, 'reload'> {
  /** A shutdown, with progress. */
  stop(progress: (event: ControlEvent) => void): void
  shutdown(): void
  cutShort(): void
  status(): GenerationStatus | undefined
}

export interface SupervisorParts {
  readonly platform: Platform
  readonly logger: Logger
  readonly listeners: Listeners
  readonly tracker: Tracker
  readonly incoming: IncomingConnections
  readonly events: EventEmitter<GracefulEvents>
  readonly orders: SupervisorOrders
  readonly settings: () => Settings
  /** The options that the program set. */
  readonly given: () => GracefulOptions
  /** How many hooks the program registered. */
  readonly hooks: () => { readonly beforeDrain: number; readonly drained: number }
  /** This generation drains or has exited. */
  readonly isEnding: () => boolean
  readonly predecessorEnded: () => void
  /** Calls `undo` when the generation leaves the process. */
  readonly undoAtEnd: (undo: () => void) => void
}
