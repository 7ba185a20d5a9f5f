/** The events of a generation: `handle.on(event, observer)`. */
import type { HandoverError } from './errors.js'
import type { FinalReport, ReloadReport } from './report.js'
import type { DrainReason, StateName } from './state-names.js'

/** A change of the state of a generation. */
export interface StateChange {
  readonly state: StateName
  readonly because?: DrainReason
  /** With `ready`: the predecessor can still roll back. Once it cannot, a second `ready` follows, without this flag. */
  readonly onProbation?: true
  readonly generation: number
  readonly pid: number
}

/** The events of `handle.on`, and the arguments of each observer. */
export interface GracefulEvents {
  /** The state has changed. */
  state: [change: StateChange]
  /** A reload failed. This generation keeps serving. */
  'reload-failed': [error: HandoverError]
  /** The successor is proven. `reload()` resolves with the same report. */
  'handed-over': [report: ReloadReport]
  /** This generation has drained. Its `onDrained` hooks run next. */
  report: [report: FinalReport]
  /** The predecessor has drained and is about to exit. */
  'predecessor-finished': [report: FinalReport]
}
