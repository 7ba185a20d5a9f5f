export { type ErrorData, type Facts, HandoverError, type HandoverErrorCode } from './errors.js'
export {
  type Application,
  carryHandle,
  graceful,
  gracefulApplication,
  releaseOf,
  type ServerRelease,
} from './graceful.js'
export type { GracefulEvents, GracefulHandle, PredecessorHandle, StateChange } from './handle.js'
export type { DrainReason, StateName } from './lifecycle.js'
export type { Logger } from './logger.js'
export { defaults, type GracefulOptions, type HealthPaths, type SuccessorOptions } from './options.js'
export type {
  ConnectionKind,
  Connections,
  DrainReport,
  FinalReport,
  Holding,
  KindCount,
  Phase,
  ReloadReport,
} from './report.js'
