/** Receives moved connections. Each goes to the server that inherited its listener. */
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

/** Data for a moved connection, until its protocol receives it. */
interface FollowUps {
  readonly waiting: unknown[]
  receive: ((data: unknown) => void) | undefined
}

export interface IncomingParts {
  readonly tracker: Tracker
  readonly logger: Logger
  /** The server of the listener that was inherited as this descriptor. */
  readonly serverOf: (listener: number) => net.Server | undefined
}

export class IncomingConnections {
  readonly #parts: IncomingParts
  readonly #receivers = new Map<string, ConnectionReceiver>()
  readonly #followUps = new Map<number, FollowUps>()

  constructor(parts: IncomingParts) {
    this.#parts = parts
  }

  /** Protocols with a receiver in this process. */
  get protocols(): string[] {
    return [...this.#receivers.keys()]
  }

  /** Registers the receiver of connections of `protocol`. */
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

  /** Serves a connection of HTTP/1.1 at a message boundary, of any sender. */
  serve(server: http.Server, handle: object, betweenRequests: boolean): void {
    const socket = socketOf(server, handle)
    server.emit('connection', socket)
    if (!betweenRequests) return
    markBetweenRequests(socket)
    const connection = this.#parts.tracker.connectionOf(socket)
    if (connection instanceof Http1Connection) connection.armKeepAlive()
  }

  receiveFollowUp(id: number, data: unknown): void {
    const followUps = this.#followUpsOf(id)
    if (followUps.receive) followUps.receive(data)
    else followUps.waiting.push(data)
  }

  /** The predecessor has ended and sends nothing more. */
  close(): void {
    this.#followUps.clear()
  }

  #resume({ id, protocol = '', state }: ConnectionMessage, server: net.Server, socket: net.Socket): void {
    markUpgraded(socket)
    this.#parts.tracker.adopt(server, socket)
    const onFollowUp: IncomingConnection['onFollowUp'] = (receive) => this.#deliver(id, receive)
    try {
      const receiver = this.#receivers.get(protocol)
      if (!receiver) throw new Error('no receiver is registered for it')
      receiver({ server, socket, state: state && v8().deserialize(state), onFollowUp })
    } catch (error) {
      this.#parts.logger.error(
        { err: error, protocol },
        `a connection that was moved (${protocol}) is closed: ${error}`,
      )
      socket.destroySoon()
    }
  }

  #deliver(id: number, receive: (data: unknown) => void): void {
    const followUps = this.#followUpsOf(id)
    for (const data of followUps.waiting.splice(0)) receive(data)
    followUps.receive = receive
  }

  #followUpsOf(id: number): FollowUps {
    const known = this.#followUps.get(id)
    if (known) return known
    const fresh: FollowUps = { waiting: [], receive: undefined }
    this.#followUps.set(id, fresh)
    return fresh
  }
}
