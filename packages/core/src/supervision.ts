/**
 * What `handover run` and the other commands of @handover/cli need of core, and nobody else: it may change in any
 * release.
 */

export { type Deferred, deferred } from './base/deferred.js'
export { type ErrorData, errorData, errorFrom, HandoverError, type HandoverErrorCode } from './base/errors.js'
export type { Logger } from './base/logger.js'
export { ReloadRequests } from './base/reload-requests.js'
export type { Connections, DrainReport, FinalReport, Holding, ReloadReport } from './base/report.js'
export { formatFates } from './base/report-text.js'
export { defaults } from './base/settings.js'
export { LimitReached, longestMs, unlessAborted, within, withLimit } from './base/timeouts.js'
export { ControlServer } from './control/server.js'
export { bindPrivately } from './listeners/bind-private.js'
export { type Origin, readOrigin } from './platform/launch-context.js'
export { type AdoptedListener, adoptHandle } from './platform/listener-handle.js'
export { removePidFile, writePidFile } from './platform/pid-file.js'
export { type Platform, platform } from './platform/process.js'
export { listenForSignals } from './platform/signals.js'
export { remove } from './platform/socket-file.js'
export { closeConnection } from './platform/socket-handle.js'
export { lineLogger } from './platform/stderr-logger.js'
export { activatedListeners, ServiceManager } from './platform/systemd-notify.js'
export { readWorkerMessages } from './platform/worker-channel.js'
export * from './protocol/control-messages.js'
export {
  type Inheritance,
  type ListenerEntry,
  type SupervisorEntry,
  wireVersion,
} from './protocol/generation-messages.js'
export { type FromSupervisor, type FromWorker, supervisorEnvelope } from './protocol/supervisor-messages.js'
export { type Command, successorCommand } from './succession/successor-command.js'
export { spawnSuccessor } from './succession/successor-process.js'
