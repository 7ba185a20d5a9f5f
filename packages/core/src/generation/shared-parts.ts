/** What several steps of a generation need. */
import type { Logger } from '../base/logger.js'
import type { ReloadReport, ShutdownReport } from '../base/report.js'
import type { Settings } from '../base/settings.js'
import type { Tracker } from '../connections/tracker.js'
import type { Listeners } from '../listeners/listeners.js'
import type { Platform } from '../platform/process.js'
import type { ServiceManager } from '../platform/systemd-notify.js'
import type { Predecessor } from '../succession/predecessor.js'
import type { IncomingConnections } from '../transfer/incoming.js'
import type { Peers } from '../transfer/peers.js'
import type { Hooks } from './hooks.js'
import type { Self, StateMachine } from './state-machine.js'

export interface SharedParts {
  readonly self: Self
  readonly logger: Logger
  readonly machine: StateMachine
  readonly platform: Platform
  readonly settings: () => Settings
  readonly tracker: Tracker
  readonly listeners: Listeners
  readonly incoming: IncomingConnections
  readonly peers: Peers
  readonly systemd: ServiceManager
  readonly hooks: Hooks
  readonly predecessor: () => Predecessor | undefined
  readonly ownsService: () => boolean
  /** Whether a supervisor started this process, and whether that supervisor still runs. */
  readonly supervised: () => 'no' | 'alive' | 'gone'
  readonly reload: () => Promise<ReloadReport>
  /** `signal` requested the shutdown, if one did. `isObserved`: the program's own listeners got it. */
  readonly shutdown: (signal?: string, isObserved?: boolean) => Promise<ShutdownReport>
  /** Calls `undo` when Handover leaves the process. */
  readonly undoAtEnd: (undo: () => void) => void
}

/** The shared parts of one step: those that it names, and a few that every step gets. */
export type StepParts<Names extends keyof SharedParts = never> = Pick<
  SharedParts,
  'self' | 'logger' | 'machine' | 'platform' | 'settings' | Names
>
