/** The public parts of `ws` that this package uses. */
import type { EventEmitter } from 'node:events'
import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'

/** A `WebSocket` of `ws`. */
export interface WebSocketLike extends EventEmitter {
  readonly readyState: number
  readonly extensions: string
  readonly protocol: string
  readonly isPaused: boolean
  send(data: string | Uint8Array, options: { binary: boolean; fin: boolean; compress: boolean }): void
  ping(data: string | Uint8Array): void
  pong(data: string | Uint8Array): void
  close(code?: number, reason?: string | Buffer): void
}

/** A `WebSocketServer` of `ws`. */
export interface WebSocketServerLike<Socket> extends EventEmitter {
  readonly clients: Set<Socket>
  readonly options: object
  handleUpgrade(
    request: IncomingMessage,
    socket: Duplex,
    head: Buffer,
    callback: (socket: Socket, request: IncomingMessage) => void,
  ): void
}

/** `readyState` of an open WebSocket. */
export const open = 1
/** `readyState` of a closed WebSocket. */
export const closed = 3
/** Service restart: the client may reconnect (IANA, WebSocket Close Code Number Registry). */
export const serviceRestart = 1012
export const serviceRestartReason = 'service restart'
