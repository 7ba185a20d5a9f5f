/**
 * Moves open connections to another process, each at a message boundary. This process serves a connection until its turn
 * comes. Unread bytes stay in the kernel, and the receiver reads them. A connection counts as moved when the receiver
 * confirms it. Until then this process keeps its descriptor, and serves the connection again if it did not arrive
 * (docs/decisions/0023-connections-are-confirmed-by-number.md).
 */
import type net from 'node:net'
import type { Http1Connection } from '../connections/http1.js'
import type { Receipt } from '../protocol/generation-messages.js'
import { BoundaryQueue } from './boundary-queue.js'
import { OutgoingProtocol } from './outgoing-protocol.js'
import { PausedConnections } from './paused-connections.js'
import { mostUnderway, type ProtocolState, Transit, type TransitParts } from './transit.js'

export interface MoverParts extends TransitParts {
  /** The number by which the receiver knows the listener of a server; `undefined` if it has none. */
  readonly listenerOf: (server: net.Server) => number | undefined
  /** Connections that are at a message boundary now. */
  readonly idle: () => ReadonlySet<unknown>
  /** Protocols for which the receiver has code. */
  readonly protocols: ReadonlySet<string>
  /** Sends `data` for a connection that has left. */
  readonly sendFollowUp: (id: number, data: unknown) => void
  /** The connection stays in this process. */
  readonly keep: (connection: Http1Connection) => void
  /** The protocol failed to prepare a connection. */
  readonly failed: (protocol: string, error: unknown) => void
}

export class Mover {
  readonly #parts: MoverParts
  /** Every connection that waits to move, and the receiver's listener that it goes to. */
  readonly #listeners = new Map<Http1Connection, number>()
  readonly #pausedConnections = new PausedConnections(() => this.#schedule())
  readonly #queue: BoundaryQueue
  readonly #protocol: OutgoingProtocol
  readonly #transit: Transit
  #scheduled = false
  #stopped = false
  #paused = false

  constructor(parts: MoverParts) {
    this.#parts = parts
    this.#transit = new Transit(parts, (connection, listener) => this.#onReturned(connection, listener))
    const shared = {
      paused: this.#pausedConnections,
      isWaiting: (connection: Http1Connection) => this.#listeners.has(connection),
      onWork: () => this.#schedule(),
    }
    this.#queue = new BoundaryQueue({ ...shared, idle: parts.idle })
    this.#protocol = new OutgoingProtocol({
      ...shared,
      send: (connection, state) => this.#send(connection, state),
      sendFollowUp: parts.sendFollowUp,
      keep: (connection) => this.#keep(connection),
      failed: parts.failed,
    })
  }

  /** The move as the report shows it. */
  get outcome(): Pick<Transit, 'refused' | 'longestWaitMs'> {
    return this.#transit
  }

  /** Begins to move a connection. Returns `false` if the receiver cannot serve it. */
  take(connection: Http1Connection, server: net.Server): boolean {
    const listener = this.#parts.listenerOf(server)
    if (this.#stopped || listener === undefined) return false
    const { movable } = connection
    if (!connection.isPlain) return false
    if (movable ? !this.#parts.protocols.has(movable.protocol) : connection.kind !== 'http1') return false
    this.#listeners.set(connection, listener)
    if (movable) {
      this.#protocol.add(connection)
      return true
    }
    connection.startMoving(() => this.#onAnswered(connection))
    this.#queue.add(connection)
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

  /** The channel has closed. Serves what has not been sent, until it is known whether the receiver has ended, too. */
  pause(): void {
    this.#paused = true
    this.#pausedConnections.resumeAll()
  }

  /** The receiver has ended: connections that it has not confirmed are lost. */
  loseTransit(): void {
    this.#transit.abandon()
  }

  /** Sends nothing more. Connections that have not been sent stay. */
  stop(): void {
    if (this.#stopped) return
    this.#stopped = true
    this.#transit.stop()
    this.#protocol.stop()
    this.#queue.stop()
    for (const connection of this.#listeners.keys()) this.#keep(connection)
  }

  /** The connection did not arrive. It moves when the receiver has room. */
  #onReturned(connection: Http1Connection, listener: number): void {
    if (this.#stopped) {
      this.#parts.keep(connection)
      return
    }
    this.#listeners.set(connection, listener)
    this.#queue.check(connection)
  }

  /** Pauses a connection that may move now: a client that sends its next request at once would always be busy. */
  #onAnswered(connection: Http1Connection): void {
    if (!this.#listeners.has(connection)) return
    const hasRoom = this.#transit.isOpen && this.#transit.size + this.#pausedConnections.size < mostUnderway
    if (!this.#paused && hasRoom && this.#queue.mayAsk && connection.canMove())
      this.#pausedConnections.pause(connection)
    this.#queue.check(connection)
  }

  /** The best moment is between two reads: after this turn's reads and before those of the next one. */
  #schedule(): void {
    const toSend = this.#queue.hasReady || this.#transit.hasToSendAgain || this.#protocol.hasToPrepare
    const toDo = this.#queue.hasToCheck || (toSend && this.#transit.isOpen)
    if (this.#scheduled || this.#stopped || this.#paused || !toDo) return
    this.#scheduled = true
    setImmediate(() => {
      this.#scheduled = false
      this.#turn()
    })
  }

  #turn(): void {
    if (this.#stopped || this.#paused) return
    const hasRoom = () => this.#transit.hasRoom
    this.#queue.update()
    this.#transit.sendAgain()
    this.#queue.sendReady(hasRoom, (connection) => this.#send(connection))
    this.#protocol.prepare(hasRoom)
    if (this.#transit.hasRoom) this.#schedule()
  }

  /** Returns the id of the connection; `undefined` if it cannot move. */
  #send(connection: Http1Connection, state?: ProtocolState): number | undefined {
    const listener = this.#listeners.get(connection)
    const id = listener === undefined ? undefined : this.#transit.give(connection, listener, state)
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
