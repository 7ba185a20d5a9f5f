/** Moves the WebSockets of engine.io's own WebSocketServer. */
import gracefulSockets, { type WebSocketLike } from '@handover/ws'
import type { Generations } from './generations.js'
import type { MovedClient } from './messages.js'
import type { Engine, SocketIoServer } from './socket-io-internals.js'

interface MovingOptions {
  readonly name: string
  readonly spreadMs: number
}

/** Without `generations` no WebSocket moves: each one closes. */
export function moveWebSockets(
  io: SocketIoServer,
  options: MovingOptions,
  generations: Generations | undefined,
): void {
  const engine = io.engine as Engine
  let known: object | undefined
  /** engine.io creates a new WebSocketServer each time its HTTP server listens. */
  const attach = () => {
    const { ws } = engine
    if (!ws || ws === known) return
    known = ws
    gracefulSockets<WebSocketLike, MovedClient>(ws, {
      ...options,
      canMove: (websocket, request) => generations?.departures.canMove(websocket, request) ?? true,
      serialize: (_, request) => generations?.departures.describe(request),
      restore: (websocket, client, request) => generations?.arrivals.restore(websocket, client, request),
      moved: (_, request) => generations?.departures.remove(request),
    })
  }
  if (io.httpServer?.listening) attach()
  // A replaced WebSocketServer frees its name in the next tick.
  io.httpServer?.on('listening', () => (known ? process.nextTick(attach) : attach()))
}
