// The types of dist/index.bundle.cjs.
import type * as esm from './index.js' with { 'resolution-mode': 'import' }

declare const graceful: typeof esm.graceful
declare namespace graceful {
  export type GracefulSocketIoOptions = esm.GracefulSocketIoOptions
  export type SocketIoLike = esm.SocketIoLike
}
export = graceful
