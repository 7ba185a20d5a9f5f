/** Receives moved connections, and passes each one to the server that inherited its listener. */
import type http from 'node:http'
import type net from 'node:net'
import type { Logger } from '../base/logger.js'
import { Http1Connection } from '../connections/http1.js'
import type { ConnectionReceiver, IncomingConnection } from '../connections/movable.js'
import type { Tracker } from '../connections/tracker.js'
import { v8 } from '../platform/lazy-modules.js'
import { isPlainHttp } from '../platform/server-kind.js'
import { markBetweenRequests, markUpgraded, socketOf } from '../platform/socket-handle.js'
import type { ConnectionMessage } from '../protocol/generation-messages.js'

export interface IncomingParts {
  readonly tracker: Tracker
  readonly logger: Logger
  /** Returns the server that listens on this inherited descriptor. */
  readonly serverOf: (listener: number) => net.Server | undefined
}

export class IncomingConnections {
  readonly #parts: IncomingParts
  readonly #receivers = new Map<string, ConnectionReceiver>()
  /** For each connection: its receiver of follow-up data, or the data that arrived before the receiver. */
  readonly #followUps = new Map<number, unknown[] | ((data: unknown) => void)>()

  constructor(parts: IncomingParts) {
    this.#parts = parts
  }

  get protocols(): string[] {
    return [...this.#receivers.keys()]
  }

  receive(protocol: string, receiver: ConnectionReceiver): void {
    this.#receivers.set(protocol, receiver)
  }

  /** Returns whether this process continues the connection. Only a plain HTTP/1.1 server can. */
  arrive(message: ConnectionMessage, handle: object): boolean {
    const server = this.#parts.serverOf(message.listener)
    if (!isPlainHttp(server)) return false
    if (message.protocol === undefined) this.serve(server, handle, message.betweenRequests)
    else this.#resume(message, server, socketOf(server, handle))
    return true
  }

  /** Serves an HTTP/1.1 connection at a message boundary. */
  serve(server: http.Server, handle: object, betweenRequests: boolean): void {
    const socket = socketOf(server, handle)
    server.emit('connection', socket)
    if (!betweenRequests) return
    markBetweenRequests(socket)
    const connection = this.#parts.tracker.connectionOf(socket)
    if (connection instanceof Http1Connection) connection.armKeepAlive()
  }

  receiveFollowUp(id: number, data: unknown): void {
    const to = this.#followUps.get(id)
    if (typeof to === 'function') to(data)
    else if (to) to.push(data)
    else this.#followUps.set(id, [data])
  }

  close(): void {
    this.#followUps.clear()
  }

  #resume({ id, protocol = '', state }: ConnectionMessage, server: net.Server, socket: net.Socket): void {
    markUpgraded(socket)
    this.#parts.tracker.adopt(server, socket)
    try {
      const receiver = this.#receivers.get(protocol)
      if (!receiver) throw new Error('no receiver is registered for this protocol')
      const onFollowUp: IncomingConnection['onFollowUp'] = (receive) => this.#deliver(id, receive)
      receiver({ server, socket, state: state && v8().deserialize(state), onFollowUp })
    } catch (error) {
      this.#parts.logger.error({ err: error, protocol }, `closing a moved connection (${protocol}): ${error}`)
      socket.destroySoon()
    }
  }

  #deliver(id: number, receive: (data: unknown) => void): void {
    const waiting = this.#followUps.get(id)
    if (Array.isArray(waiting)) for (const data of waiting) receive(data)
    this.#followUps.set(id, receive)
  }
}
