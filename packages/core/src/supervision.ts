/**
 * What `handover run` and the other commands of @handover/cli need of core, and nobody else: it may change in any
 * release.
 */

export { type Command, successorCommand } from './command.js'
export { bindPrivately } from './control/bind.js'
export * from './control/protocol.js'
export { ControlServer } from './control/server.js'
export { type Deferred, deferred } from './deferred.js'
export { type ErrorData, errorData, errorFrom, HandoverError, type HandoverErrorCode } from './errors.js'
export { LimitReached, longestMs, unlessAborted, within, withLimit } from './limits.js'
export { type Logger, lineLogger } from './logger.js'
export { type AdoptedListener, adoptHandle } from './node-privates.js'
export { closeConnection } from './node-privates-connections.js'
export { defaults } from './options.js'
export { type Origin, readOrigin } from './origin.js'
export { removePidFile, writePidFile } from './pid-file.js'
export { type Platform, platform } from './platform.js'
export { ReloadRequests } from './reload-requests.js'
export type { Connections, DrainReport, FinalReport, Holding, ReloadReport } from './report.js'
export { formatFates } from './report-text.js'
export { listenForSignals } from './signals.js'
export { spawnSuccessor } from './spawn.js'
export { activatedListeners, ServiceManager } from './systemd.js'
export { remove } from './unix-path.js'
export { type Inheritance, type ListenerEntry, type SupervisorEntry, wireVersion } from './wire.js'
export { type FromSupervisor, type FromWorker, supervisorEnvelope } from './wire-supervisor.js'
export { readWorkerMessages } from './worker-channel.js'
