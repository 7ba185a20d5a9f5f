/** Serves a control socket for whomever it controls. Its connections are neither counted nor waited for. */
import net from 'node:net'
import { timeout } from '../base/timeouts.js'
import { socketOf } from '../platform/socket-handle.js'
import { busy } from '../protocol/control-messages.js'
import { type CarriedClient, ControlClient } from './client-connection.js'
import type { Controlled } from './controlled.js'

/** How many clients are served at a time. */
const mostClients = 32
/** How long the last answers may take to get out. */
const flushMs = 1_000

export class ControlServer {
  /** Listens where it is told to. It is no reason for the process to stay. */
  readonly server: net.Server
  readonly #controlled: Controlled
  readonly #clients = new Set<ControlClient>()

  constructor(controlled: Controlled) {
    this.#controlled = controlled
    // Whoever pipes a request into it closes its own side at once, and waits for the answer.
    this.server = net.createServer({ allowHalfOpen: true }, (socket) => this.#serve(socket)).unref()
  }

  /** Continues with a client that another process sent. */
  adopt(handle: object, carried: CarriedClient): void {
    this.#serve(socketOf(this.server, handle), carried)
  }

  /** Those that can go on in another process. The others are served here until the end. */
  movable(): { client: ControlClient; carried: CarriedClient }[] {
    return [...this.#clients].flatMap((client) => {
      const carried = client.carry()
      return carried ? [{ client, carried }] : []
    })
  }

  /** Resolves when everything that was answered is out. */
  async flush(): Promise<void> {
    const all = Promise.all([...this.#clients].map((client) => client.flushed()))
    await timeout(flushMs, all).catch(() => {})
  }

  /** Closes all connections. The listener is closed by whoever opened it. */
  close(): void {
    for (const client of this.#clients) {
      client.leave()
      client.socket.destroySoon()
    }
  }

  #serve(socket: net.Socket, carried?: CarriedClient): void {
    const client = new ControlClient(socket, this.#controlled, carried)
    if (this.#clients.size >= mostClients) {
      client.refuse(busy(`serves ${mostClients} clients already`))
      return
    }
    this.#clients.add(client)
    socket.once('close', () => this.#clients.delete(client))
  }
}
