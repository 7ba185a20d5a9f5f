/**
 * Serves a moved WebSocket by the way of a new one, through the `upgrade` listeners of its HTTP server. A framework such
 * as @fastify/websocket attaches the application's handler there, and nowhere else.
 */
import type { IncomingMessage } from 'node:http'
import type net from 'node:net'
import { Duplex } from 'node:stream'

interface Returning<Socket> {
  readonly websocket: Socket
  readonly served: () => void
}

export class UpgradeRoute<Socket> {
  /** Moved WebSockets, by the request that is on its way to `handleUpgrade`. */
  readonly #returning = new WeakMap<IncomingMessage, Returning<Socket>>()

  /** The moved WebSocket of this request. `handleUpgrade` calls it: the client has the handshake response already. */
  take(request: IncomingMessage): Socket | undefined {
    const returning = this.#returning.get(request)
    this.#returning.delete(request)
    returning?.served()
    return returning?.websocket
  }

  /** Resolves when {@link take} was called. Rejects if the application refuses the request. */
  async serve(server: net.Server, websocket: Socket, request: IncomingMessage): Promise<void> {
    await new Promise<void>((served, failed) => {
      this.#returning.set(request, { websocket, served })
      const refuse = () => {
        this.#returning.delete(request)
        failed(new Error(`the application refused the request of the WebSocket (${request.url})`))
      }
      server.emit('upgrade', request, standIn(refuse), Buffer.alloc(0))
    })
  }
}

/** A connection for the application to refuse the request on: on the real one, an HTTP response would be garbage. */
function standIn(refuse: () => void): Duplex {
  const write = (_chunk: unknown, _encoding: unknown, done: () => void) => {
    refuse()
    done()
  }
  return new Duplex({ read() {}, write }).on('close', refuse).on('error', () => {})
}
