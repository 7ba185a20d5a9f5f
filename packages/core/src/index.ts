export {
  type Application,
  carryHandle,
  gracefulApplication,
  makeConnectionMovable,
  receiveConnections,
  releaseOf,
  type ServerRelease,
  type Surroundings,
  surroundings,
} from './adapters.js'
export type { StreamOptions } from './connections/end-stream.js'
export type { Arrival, Departure, Movable, Passage, Receiver } from './connections/movable.js'
export type { HandoverHook, ResumeStream } from './connections/stream.js'
export { type ErrorData, type Facts, HandoverError, type HandoverErrorCode } from './errors.js'
export type { GracefulEvents, StateChange } from './events.js'
export { graceful } from './graceful.js'
export type { GracefulHandle, PredecessorHandle } from './handle.js'
export type { BeforeDrainHook, DrainedHook, Leave } from './hooks.js'
export type { Logger } from './logger.js'
export {
  defaults,
  type GracefulOptions,
  type HealthCheck,
  type HealthPaths,
  type SuccessorOptions,
} from './options.js'
export type {
  ConnectionKind,
  Connections,
  DrainReport,
  FinalReport,
  Holding,
  HookFailure,
  KindCount,
  Phase,
  ReloadReport,
  ShutdownReport,
} from './report.js'
export type { DrainReason, StateName } from './state-names.js'
