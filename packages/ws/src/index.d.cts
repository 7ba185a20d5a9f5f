// The types of dist/index.bundle.cjs.
import type * as esm from './index.js' with { 'resolution-mode': 'import' }

declare const graceful: typeof esm.graceful
declare namespace graceful {
  export type GracefulWebSocketOptions<Socket, State> = esm.GracefulWebSocketOptions<Socket, State>
  export type WebSocketLike = esm.WebSocketLike
  export type WebSocketServerLike<Socket> = esm.WebSocketServerLike<Socket>
}
export = graceful
