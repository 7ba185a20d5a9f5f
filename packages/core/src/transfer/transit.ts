/**
 * Connections between two processes: sent to the receiver, and not confirmed yet. Our descriptor stays open until then,
 * so this process still has a connection that did not arrive (docs/decisions/0023-connections-are-confirmed-by-number.md).
 */

import type { Http1Connection } from '../connections/http1.js'
import { giveSocket, inodeOf } from '../platform/socket-handle.js'
import type { ConnectionMessage, Receipt } from '../protocol/generation-messages.js'
import { Room } from './room.js'

/** How many connections are in transit at a time: libuv reads at most 32 messages in a turn. */
export const mostUnderway = 32

/** How long connections may be in transit before the sender asks the receiver which of them arrived. */
const silenceMs = 100

/** State from the protocol of a connection; absent for HTTP/1.1 at a message boundary. */
export type ProtocolState = Pick<ConnectionMessage, 'protocol' | 'state'>

/** A connection that was sent to the receiver. */
interface Given {
  readonly connection: Http1Connection
  readonly listener: number
  readonly id: number
  readonly state: ProtocolState | undefined
  readonly since: number
}

export interface TransitParts {
  /** `failed`: it has not left this process. */
  readonly send: (message: ConnectionMessage, handle: object, failed: () => void) => void
  /** Asks which of the connections up to this number have arrived. */
  readonly sent: (upTo: number) => void
  /** The receiver takes no more for now. Called once. */
  readonly short: () => void
  /** The receiver has the connection: forget it here. */
  readonly moved: (connection: Http1Connection) => void
  /** The connection was sent, but no receipt has arrived. */
  readonly lost: (connection: Http1Connection) => void
}

export class Transit {
  readonly #parts: TransitParts
  /** By the number of their message, in ascending order. */
  readonly #underway = new Map<number, Given>()
  /** Not received. Their protocol cannot take them back, so they are sent again when the receiver has room. */
  readonly #again: Given[] = []
  readonly #room: Room
  /** The connection did not arrive. This process serves it. */
  readonly #onReturned: (connection: Http1Connection, listener: number) => void
  #lastId = 0
  #lastNumber = 0
  #timer: NodeJS.Timeout | undefined
  #isStopped = false
  #longestWaitMs = 0

  constructor(parts: TransitParts, onReturned: (connection: Http1Connection, listener: number) => void) {
    this.#parts = parts
    this.#onReturned = onReturned
    this.#room = new Room(parts.short, () => parts.sent(this.#lastNumber))
  }

  get size(): number {
    return this.#underway.size
  }

  /** Whether the receiver takes connections. */
  get isOpen(): boolean {
    return this.#room.isOpen
  }

  get hasRoom(): boolean {
    return this.isOpen && this.size < mostUnderway
  }

  /** How many connections the receiver could not take. */
  get refused(): number {
    return this.#room.refused
  }

  /** The longest time, in milliseconds, that a connection spent between the processes. */
  get longestWaitMs(): number {
    return Math.round(this.#longestWaitMs)
  }

  /** Whether some wait to be sent again. */
  get hasToSendAgain(): boolean {
    return this.#again.length > 0
  }

  sendAgain(): void {
    while (this.hasRoom && this.#again.length > 0) this.#send(this.#again.shift() as Given)
  }

  /** Returns the id of the connection; `undefined` if it cannot be sent. */
  give(connection: Http1Connection, listener: number, state?: ProtocolState): number | undefined {
    const id = ++this.#lastId
    return this.#send({ connection, listener, id, state, since: performance.now() }) ? id : undefined
  }

  /** Handles a receipt for connections that were sent. `waiting`: connections that would move next. */
  confirm({ numbers, upTo, full }: Receipt, waiting: () => readonly Http1Connection[]): void {
    const taken = new Set(numbers)
    const missing: Given[] = []
    for (const [number, given] of this.#underway) {
      if (number > upTo) break
      this.#underway.delete(number)
      if (taken.has(number)) this.#confirmed(given)
      else missing.push(given)
    }
    if (full || missing.length > 0) this.#refuse(missing, waiting())
    else this.#room.open()
  }

  /** Stops sending. Connections in transit may still arrive. */
  stop(): void {
    this.#isStopped = true
    this.#room.stop()
    for (const { connection } of this.#again.splice(0)) this.#parts.lost(connection)
  }

  /** No receipt will arrive any more. */
  abandon(): void {
    this.stop()
    clearTimeout(this.#timer)
    const lost = [...this.#underway.values()]
    this.#underway.clear()
    for (const { connection } of lost) this.#parts.lost(connection)
  }

  #confirmed({ connection, since }: Given): void {
    this.#longestWaitMs = Math.max(this.#longestWaitMs, performance.now() - since)
    this.#room.took(connection)
    this.#parts.moved(connection)
  }

  #refuse(missing: readonly Given[], waiting: readonly Http1Connection[]): void {
    this.#room.close([...missing.map(({ connection }) => connection), ...waiting])
    for (const given of missing) this.#takeBack(given)
  }

  #takeBack(given: Given): void {
    const { connection, listener, state } = given
    if (state === undefined) {
      connection.resumeHere()
      this.#onReturned(connection, listener)
    } else if (this.#isStopped) this.#parts.lost(connection)
    else this.#again.push(given)
  }

  #send(given: Given): boolean {
    const { connection, listener, id, state } = given
    const handle = giveSocket(connection.socket)
    const inode = handle && inodeOf(handle)
    if (!handle || inode === undefined) return false
    const number = ++this.#lastNumber
    this.#underway.set(number, given)
    connection.inTransit = true
    const { hasReceivedBytes: betweenRequests } = connection
    this.#parts.send(
      { type: 'connection', listener, id, number, inode, betweenRequests, ...state },
      handle,
      () => queueMicrotask(() => this.#onUnsent(number)),
    )
    this.#askWhenSilent()
    return true
  }

  #onUnsent(number: number): void {
    const given = this.#underway.get(number)
    if (given && this.#underway.delete(number)) this.#refuse([given], [])
  }

  /** Without this, the receiver would not miss the last connections: no later message follows them. */
  #askWhenSilent(): void {
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined
      if (this.#underway.size === 0) return
      this.#parts.sent(this.#lastNumber)
      this.#askWhenSilent()
    }, silenceMs)
  }
}
