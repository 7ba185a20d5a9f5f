/**
 * Moves open connections to another process, each at a message boundary. This process serves a connection until it is
 * sent. Unread bytes stay in the kernel, and the receiver reads them.
 */
import type net from 'node:net'
import type { Http1Connection } from '../connections/http1.js'
import type { Receipt } from '../protocol/generation-messages.js'
import { BoundaryQueue } from './boundary-queue.js'
import { OutgoingProtocol, type ProtocolParts } from './outgoing-protocol.js'
import { PausedConnections, type WaitingConnections } from './paused-connections.js'
import { maxInTransit, type ProtocolState, Transit, type TransitParts } from './transit.js'

export interface MoverParts extends TransitParts, ProtocolParts {
  /** Returns the receiver's number for the listener of a server; `undefined` if it has none. */
  readonly listenerOf: (server: net.Server) => number | undefined
  /** Whether only this process can serve the connection, because the program has read its first bytes. */
  readonly isDecoded: (connection: Http1Connection) => boolean
  /** Connections that are at a message boundary now. */
  readonly idle: () => ReadonlySet<unknown>
  /** Protocols that the other process can continue. */
  readonly protocols: ReadonlySet<string>
}

export class Mover {
  readonly #parts: MoverParts
  /** Every connection that waits to move, and the receiver's listener that it goes to. */
  readonly #listeners = new Map<Http1Connection, number>()
  readonly #pausedConnections = new PausedConnections(() => this.#schedule())
  readonly #queue: BoundaryQueue
  readonly #protocol: OutgoingProtocol
  readonly #transit: Transit
  #isScheduled = false
  #isStopped = false
  #isPaused = false

  constructor(parts: MoverParts) {
    this.#parts = parts
    this.#transit = new Transit(parts, (connection, listener) => this.#onReturned(connection, listener))
    const waiting: WaitingConnections = {
      isWaiting: (connection) => this.#listeners.has(connection),
      paused: this.#pausedConnections,
      schedule: () => this.#schedule(),
    }
    this.#queue = new BoundaryQueue(waiting, parts.idle)
    this.#protocol = new OutgoingProtocol({
      ...waiting,
      send: (connection, state) => this.#send(connection, state),
      sendFollowUp: parts.sendFollowUp,
      keep: (connection) => this.#keep(connection),
      onFailed: parts.onFailed,
    })
  }

  get outcome(): Pick<Transit, 'refused' | 'longestWaitMs'> {
    return this.#transit
  }

  /** Returns `false` if the receiver cannot serve the connection. */
  take(connection: Http1Connection, server: net.Server): boolean {
    const listener = this.#parts.listenerOf(server)
    if (this.#isStopped || connection.isSecure || this.#parts.isDecoded(connection)) return false
    if (listener === undefined) return false
    const { movable } = connection
    if (movable ? !this.#parts.protocols.has(movable.protocol) : connection.kind !== 'http1') return false
    this.#listeners.set(connection, listener)
    if (movable) this.#protocol.add(connection)
    else {
      connection.startMoving(() => this.#onAnswered(connection))
      this.#queue.add(connection)
    }
    return true
  }

  /** Handles a receipt for connections that were sent. If the receiver is full, this process serves the next ones. */
  confirm(receipt: Receipt): void {
    this.#transit.confirm(receipt, () => this.#queue.resumeReady())
    this.#schedule()
  }

  /** The receiver has ended, or the drain timed out: connections in transit are lost, and the others stay. */
  abandon(): void {
    this.stop()
    this.loseTransit()
  }

  /** The channel has closed. Serves the remaining connections until the caller knows whether the receiver has ended. */
  pause(): void {
    this.#isPaused = true
    this.#pausedConnections.resumeAll()
  }

  /** The receiver has ended: connections that it has not confirmed are lost. */
  loseTransit(): void {
    this.#transit.abandon()
  }

  /** Stops sending. The remaining connections stay. */
  stop(): void {
    if (this.#isStopped) return
    this.#isStopped = true
    this.#transit.stop()
    for (const connection of this.#listeners.keys()) this.#keep(connection)
  }

  /** The connection did not arrive. It waits until the receiver has room. */
  #onReturned(connection: Http1Connection, listener: number): void {
    if (this.#isStopped) {
      this.#parts.keep(connection)
      return
    }
    this.#listeners.set(connection, listener)
    this.#queue.check(connection)
  }

  /** Pauses a connection that can move now: an eager client would otherwise keep it busy forever. */
  #onAnswered(connection: Http1Connection): void {
    if (!this.#listeners.has(connection)) return
    const hasRoom = this.#transit.isOpen && this.#transit.size + this.#pausedConnections.size < maxInTransit
    if (!this.#isPaused && hasRoom && this.#queue.canQuery && connection.canMove())
      this.#pausedConnections.pause(connection)
    this.#queue.check(connection)
  }

  /** Sends after the reads of this turn of the event loop and before those of the next turn. */
  #schedule(): void {
    const toSend = this.#queue.hasReady || this.#transit.hasToResend || this.#protocol.hasToPrepare
    const toDo = this.#queue.hasToCheck || (toSend && this.#transit.isOpen)
    if (this.#isScheduled || this.#isStopped || this.#isPaused || !toDo) return
    this.#isScheduled = true
    setImmediate(() => {
      this.#isScheduled = false
      this.#turn()
    })
  }

  #turn(): void {
    if (this.#isStopped || this.#isPaused) return
    const hasRoom = () => this.#transit.hasRoom
    this.#queue.update()
    this.#transit.resend()
    this.#queue.sendReady(hasRoom, (connection) => this.#send(connection))
    this.#protocol.prepare(hasRoom)
    if (this.#transit.hasRoom) this.#schedule()
  }

  /** Returns the id of the connection; `undefined` if it cannot move. */
  #send(connection: Http1Connection, state?: ProtocolState): number | undefined {
    const listener = this.#listeners.get(connection)
    // The program may have read its first bytes since `take`.
    const isGone = listener === undefined || this.#parts.isDecoded(connection)
    const id = isGone ? undefined : this.#transit.send(connection, listener, state)
    if (id === undefined) {
      this.#keep(connection)
      return undefined
    }
    this.#listeners.delete(connection)
    this.#pausedConnections.drop(connection)
    return id
  }

  #keep(connection: Http1Connection): void {
    if (!this.#listeners.delete(connection)) return
    this.#pausedConnections.resume(connection)
    this.#parts.keep(connection)
  }
}
