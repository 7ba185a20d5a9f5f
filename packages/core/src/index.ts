/**
 * Handover for every server of `node:net`, `http`, `https` and `http2`: call `graceful(server)` before `server.listen(…)`.
 * @packageDocumentation
 */
export {
  type Application,
  carryHandle,
  gracefulApplication,
  makeConnectionMovable,
  releaseOf,
  type ServerRelease,
  type Surroundings,
  surroundings,
  warningLogger,
} from './api/adapters.js'
export { graceful, graceful as default } from './api/graceful.js'
export type { GracefulHandle, PredecessorHandle } from './api/handle.js'
export { meetPeers, receiveConnections } from './api/registry.js'
export { type Framework, notAnApplication } from './api/wrong-argument.js'
export { closestName } from './base/closest-name.js'
export type { ErrorData } from './base/error-data.js'
export type { Facts } from './base/error-facts.js'
export { HandoverError, type HandoverErrorCode } from './base/errors.js'
export type { GracefulEvents, StateChange } from './base/events.js'
export type { LogFacts, Logger } from './base/logger.js'
export type {
  ActiveWork,
  ConnectionKind,
  Connections,
  DrainReport,
  FinalReport,
  HookFailure,
  KindCount,
  Phase,
  ReloadReport,
  ShutdownReport,
} from './base/report.js'
export {
  defaults,
  type GracefulOptions,
  type HealthCheck,
  type HealthPaths,
  type SuccessorOptions,
} from './base/settings.js'
export type { DrainReason, StateName } from './base/state-names.js'
export type { StreamOptions } from './connections/end-stream.js'
export type {
  ConnectionReceiver,
  FollowUpChannel,
  IncomingConnection,
  MovableConnection,
  OutgoingTransfer,
} from './connections/movable.js'
export type { BeforeDrainHook, DrainedHook, Leave } from './generation/hooks.js'
export { headOf, type RequestHead, restoreRequest } from './platform/restored-request.js'
export type { HandoverHook, ResumeStream } from './transfer/event-stream.js'
export type { MeetPeer, Peer, PeerListener } from './transfer/peers.js'
