/**
 * What `handover run` and the other commands of @handover/cli need of core, and nobody else: it may change in any
 * release.
 */
export { bindPrivately } from './control/bind.js'
export * from './control/protocol.js'
export { ControlServer } from './control/server.js'
export type { Connections, DrainReport, FinalReport, Holding } from './report.js'
