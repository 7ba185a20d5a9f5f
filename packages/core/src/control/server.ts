/** Serves a control socket. Its connections do not count as open connections, and no drain waits for them. */
import net from 'node:net'
import { timeout } from '../base/timeouts.js'
import { handleToSend, socketOf } from '../platform/socket-handle.js'
import { busy } from '../protocol/control-messages.js'
import { type CarriedClient, ClientConnection } from './client-connection.js'
import type { Controlled } from './controlled.js'

const maxClients = 32
/** How long to wait for the kernel to take the last answers. */
const flushMs = 1_000

/** Sends a client to the successor. Calls `failed` if it cannot be sent. */
export type SendClient = (carried: CarriedClient, handle: object, failed: () => void) => void

export class ControlServer {
  /** The owner of this object makes it listen, and closes it. It does not keep the process running. */
  readonly server: net.Server
  readonly #controlled: Controlled
  readonly #clients = new Set<ClientConnection>()

  constructor(controlled: Controlled) {
    this.#controlled = controlled
    // A client that pipes a request into the socket closes its own side at once, and waits for the answer.
    this.server = net.createServer({ allowHalfOpen: true }, (socket) => this.#serve(socket)).unref()
  }

  adopt(handle: object, carried: CarriedClient): void {
    this.#serve(socketOf(this.server, handle), carried)
  }

  /** Sends all clients that another process can continue to serve. */
  handOver(send: SendClient): void {
    for (const client of this.#clients) {
      const carried = client.carry()
      if (!carried) continue
      const { socket } = client
      const handle = handleToSend(socket)
      client.leave()
      if (handle) send(carried, handle, () => socket.destroy())
      else socket.destroy()
    }
  }

  /** Resolves when the kernel has taken all answers. */
  async flush(): Promise<void> {
    const all = Promise.all([...this.#clients].map((client) => client.flushed()))
    await timeout(flushMs, all).catch(() => {})
  }

  close(): void {
    for (const client of this.#clients) {
      client.leave()
      client.socket.destroySoon()
    }
  }

  #serve(socket: net.Socket, carried?: CarriedClient): void {
    const client = new ClientConnection(socket, this.#controlled, carried)
    if (this.#clients.size >= maxClients) {
      client.refuse(busy(`already serves ${maxClients} clients`))
      return
    }
    this.#clients.add(client)
    socket.once('close', () => this.#clients.delete(client))
  }
}
