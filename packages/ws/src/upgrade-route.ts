/**
 * Serves a moved WebSocket like a new one, through the `upgrade` listeners of its HTTP server. A framework such as
 * @fastify/websocket attaches the application's handler only there.
 */
import type { IncomingMessage } from 'node:http'
import type net from 'node:net'
import { Duplex } from 'node:stream'

interface Returning<Socket> {
  readonly websocket: Socket
  readonly served: () => void
}

export class UpgradeRoute<Socket> {
  /** Moved WebSockets, by the request that has not reached `handleUpgrade` yet. */
  readonly #returning = new WeakMap<IncomingMessage, Returning<Socket>>()

  /** The moved WebSocket of this request. `handleUpgrade` uses it, because the client already has the handshake response. */
  take(request: IncomingMessage): Socket | undefined {
    const returning = this.#returning.get(request)
    this.#returning.delete(request)
    returning?.served()
    return returning?.websocket
  }

  /** Resolves when {@link take} is called. Rejects if the application refuses the request. */
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

/** A connection on which the application may refuse the request. An HTTP response would corrupt the real connection. */
function standIn(refuse: () => void): Duplex {
  const write = (_chunk: unknown, _encoding: unknown, done: () => void) => {
    refuse()
    done()
  }
  return new Duplex({ read() {}, write }).on('close', refuse).on('error', () => {})
}
