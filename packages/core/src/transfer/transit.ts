/**
 * Connections in transit: sent to the receiver, and not confirmed yet. This process keeps its descriptor until then, so
 * it can serve a connection that did not arrive (docs/decisions/0023-connections-are-confirmed-by-number.md).
 */
import type { Http1Connection } from '../connections/http1.js'
import { handleToSend, inodeOf } from '../platform/socket-handle.js'
import type { ConnectionMessage, Receipt } from '../protocol/generation-messages.js'

/** How many connections are in transit at a time (docs/decisions/0012-many-handles-at-a-time.md). */
export const maxInTransit = 32
/** How long connections may be in transit before the sender asks the receiver which of them arrived. */
const silenceMs = 100
/** How often to ask a receiver that is short of file descriptors whether it can take more. */
const shortageMs = 200

/** State from the protocol of a connection; absent for HTTP/1.1 at a message boundary. */
export type ProtocolState = Pick<ConnectionMessage, 'protocol' | 'state'>

interface SentConnection {
  readonly connection: Http1Connection
  readonly listener: number
  readonly id: number
  readonly state: ProtocolState | undefined
  readonly since: number
}

export interface TransitParts {
  /** Sends a connection. Calls `failed` if it has not left this process. */
  readonly send: (message: ConnectionMessage, handle: object, failed: () => void) => void
  /** Asks which of the connections up to this number have arrived. */
  readonly requestReceipt: (upTo: number) => void
  /** The receiver is short of file descriptors. Called once. */
  readonly onShortage: () => void
  /** The receiver has the connection: forget it here. */
  readonly onMoved: (connection: Http1Connection) => void
  /** The connection was sent, but no receipt has arrived. */
  readonly onLost: (connection: Http1Connection) => void
}

export class Transit {
  readonly #parts: TransitParts
  /** By the number of their message, in ascending order. */
  readonly #inTransit = new Map<number, SentConnection>()
  /** Connections that did not arrive. Their protocol cannot take them back, so they wait to be sent again. */
  readonly #toResend: SentConnection[] = []
  /** Connections that the receiver could not take. */
  readonly #refused = new Set<Http1Connection>()
  readonly #onReturned: (connection: Http1Connection, listener: number) => void
  #lastId = 0
  #lastNumber = 0
  #isOpen = true
  #hasReportedShortage = false
  #isStopped = false
  #silenceTimer: NodeJS.Timeout | undefined
  #shortageTimer: NodeJS.Timeout | undefined
  #longestWaitMs = 0

  /** Calls `onReturned` for a connection that did not arrive and is served in this process again. */
  constructor(parts: TransitParts, onReturned: (connection: Http1Connection, listener: number) => void) {
    this.#parts = parts
    this.#onReturned = onReturned
  }

  get size(): number {
    return this.#inTransit.size
  }

  /** Whether the receiver takes connections. It may be short of file descriptors. */
  get isOpen(): boolean {
    return this.#isOpen
  }

  get hasRoom(): boolean {
    return this.#isOpen && this.size < maxInTransit
  }

  get refused(): number {
    return this.#refused.size
  }

  /** The longest time, in milliseconds, that a connection spent between the processes. */
  get longestWaitMs(): number {
    return Math.round(this.#longestWaitMs)
  }

  get hasToResend(): boolean {
    return this.#toResend.length > 0
  }

  resend(): void {
    while (this.hasRoom && this.hasToResend) this.#send(this.#toResend.shift() as SentConnection)
  }

  /** Returns the id of the connection; `undefined` if it cannot be sent. */
  send(connection: Http1Connection, listener: number, state?: ProtocolState): number | undefined {
    const id = ++this.#lastId
    return this.#send({ connection, listener, id, state, since: performance.now() }) ? id : undefined
  }

  /** Handles a receipt for connections that were sent. `waiting` returns the connections that would move next. */
  confirm({ numbers, upTo, full }: Receipt, waiting: () => readonly Http1Connection[]): void {
    const taken = new Set(numbers)
    const missing: SentConnection[] = []
    for (const [number, sent] of this.#inTransit) {
      if (number > upTo) break
      this.#inTransit.delete(number)
      if (taken.has(number)) this.#confirmed(sent)
      else missing.push(sent)
    }
    if (full || missing.length > 0) this.#refuse(missing, waiting())
    else this.#isOpen = true
  }

  /** Stops sending. Connections in transit may still arrive. */
  stop(): void {
    this.#isStopped = true
    clearTimeout(this.#shortageTimer)
    for (const { connection } of this.#toResend.splice(0)) this.#parts.onLost(connection)
  }

  /** The receiver sends no more receipts. */
  abandon(): void {
    this.stop()
    clearTimeout(this.#silenceTimer)
    const lost = [...this.#inTransit.values()]
    this.#inTransit.clear()
    for (const { connection } of lost) this.#parts.onLost(connection)
  }

  #confirmed({ connection, since }: SentConnection): void {
    this.#longestWaitMs = Math.max(this.#longestWaitMs, performance.now() - since)
    this.#refused.delete(connection)
    this.#parts.onMoved(connection)
  }

  /** The receiver takes no more connections for now: neither `missing` nor those that would have moved next. */
  #refuse(missing: readonly SentConnection[], waiting: readonly Http1Connection[]): void {
    for (const each of [...missing.map(({ connection }) => connection), ...waiting]) this.#refused.add(each)
    this.#isOpen = false
    if (!this.#hasReportedShortage && this.#refused.size > 0) {
      this.#hasReportedShortage = true
      this.#parts.onShortage()
    }
    if (!this.#isStopped) this.#askForRoom()
    for (const sent of missing) this.#takeBack(sent)
  }

  #askForRoom(): void {
    this.#shortageTimer ??= setTimeout(() => {
      this.#shortageTimer = undefined
      this.#parts.requestReceipt(this.#lastNumber)
    }, shortageMs)
  }

  #takeBack(sent: SentConnection): void {
    const { connection, listener, state } = sent
    if (state === undefined) {
      connection.resumeHere()
      this.#onReturned(connection, listener)
    } else if (this.#isStopped) this.#parts.onLost(connection)
    else this.#toResend.push(sent)
  }

  #send(sent: SentConnection): boolean {
    const { connection, listener, id, state } = sent
    const handle = handleToSend(connection.socket)
    const inode = handle && inodeOf(handle)
    if (!handle || inode === undefined) return false
    const number = ++this.#lastNumber
    this.#inTransit.set(number, sent)
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
    const sent = this.#inTransit.get(number)
    if (sent && this.#inTransit.delete(number)) this.#refuse([sent], [])
  }

  /** The receiver notices missing connections by a later message. For the last connections, this is that message. */
  #askWhenSilent(): void {
    this.#silenceTimer ??= setTimeout(() => {
      this.#silenceTimer = undefined
      if (this.size === 0) return
      this.#parts.requestReceipt(this.#lastNumber)
      this.#askWhenSilent()
    }, silenceMs)
  }
}
