// The types of dist/index.bundle.cjs.
import type * as esm from './index.js' with { 'resolution-mode': 'import' }

export type * from './index.js' with { 'resolution-mode': 'import' }
export declare const carryHandle: typeof esm.carryHandle
export declare const closestName: typeof esm.closestName
export declare const defaults: typeof esm.defaults
export declare const graceful: typeof esm.graceful
export declare const gracefulApplication: typeof esm.gracefulApplication
export declare const HandoverError: typeof esm.HandoverError
export type HandoverError = esm.HandoverError
export declare const headOf: typeof esm.headOf
export declare const makeConnectionMovable: typeof esm.makeConnectionMovable
export declare const meetPeers: typeof esm.meetPeers
export declare const notAnApplication: typeof esm.notAnApplication
export declare const receiveConnections: typeof esm.receiveConnections
export declare const releaseOf: typeof esm.releaseOf
export declare const restoreRequest: typeof esm.restoreRequest
export declare const surroundings: typeof esm.surroundings
export declare const warningLogger: typeof esm.warningLogger
export default graceful
