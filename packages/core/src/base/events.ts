/** What observers of a generation get: `handle.on(event, observer)`. */
import type { HandoverError } from './errors.js'
import type { FinalReport, ReloadReport } from './report.js'
import type { DrainReason, StateName } from './state-names.js'

/** What an observer is told when the state changes. */
export interface StateChange {
  readonly state: StateName
  readonly because?: DrainReason
  /** With `ready`: the predecessor can still take back. `ready` comes again, without, when it cannot. */
  readonly onProbation?: true
  readonly generation: number
  readonly pid: number
}

/** The events of `handle.on`, and what each observer gets. */
export interface GracefulEvents {
  /** The state has changed. */
  state: [change: StateChange]
  /** A reload failed. This generation keeps serving. */
  'reload-failed': [error: HandoverError]
  /** The successor is proven: the report of the reload, as `reload()` resolves with it. */
  'handed-over': [report: ReloadReport]
  /** This generation has drained; what is left are its hooks. */
  report: [report: FinalReport]
  /** The predecessor has drained and is leaving. */
  'predecessor-finished': [report: FinalReport]
}
