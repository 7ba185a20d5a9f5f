/**
 * Moves open connections to the successor, each at a message boundary and one after the other: a connection is
 * served here until its turn comes. What is unread stays in the kernel and is read by the successor. A
 * connection counts as moved when the successor confirms it; until then our descriptor stays open, and a connection
 * that did not arrive is served here again (docs/decisions/0023-connections-are-confirmed-by-number.md).
 */
import type net from 'node:net'
import type { Http1Connection } from '../connections/http1.js'
import type { Departure, Movable } from '../connections/movable.js'
import { v8 } from '../platform/lazy-modules.js'
import type { Receipt } from '../protocol/generation-messages.js'
import { Unread } from './first-read.js'
import { Unfinished } from './partial-requests.js'
import { Held } from './paused-connections.js'
import { Candidates } from './retry-queue.js'
import { mostUnderway, type ProtocolState, Transit, type TransitParts } from './transit.js'

/** What share of the time may go into asking Node which connections are idle by now: that costs time for each open one. */
const askingShare = 0.1

export interface MoverParts extends TransitParts {
  /** The number by which the successor knows the listener of a server; `undefined` where it has none. */
  readonly listenerOf: (server: net.Server) => number | undefined
  /** Connections that are at a message boundary now. */
  readonly idle: () => ReadonlySet<unknown>
  /** Protocols that the successor goes on with. */
  readonly protocols: ReadonlySet<string>
  /** Something for a connection that has gone ahead. */
  readonly sendLate: (id: number, data: unknown) => void
  /** It cannot be moved after all. */
  readonly keep: (connection: Http1Connection) => void
  /** Why it cannot, where that is an error. */
  readonly failed: (protocol: string, error: unknown) => void
}

interface AtBoundary {
  readonly connection: Http1Connection
  readonly bytesRead: number
}

export class Mover {
  readonly #parts: MoverParts
  /** Every connection that is to move, and the listener of the successor that it goes to. */
  readonly #listeners = new Map<Http1Connection, number>()
  /** At a boundary when it had read so many bytes: still there, if it has read no more. */
  #atBoundary: AtBoundary[] = []
  #next = 0
  readonly #answered = new Set<Http1Connection>()
  readonly #transit: Transit
  readonly #toPrepare = new Candidates(() => this.#schedule())
  readonly #held = new Held(() => this.#schedule())
  readonly #unfinished = new Unfinished((connection) => this.#look(connection))
  readonly #unread = new Unread((connection) => this.#look(connection))
  #scheduled = false
  #stopped = false
  #paused = false
  #askAgainAt = 0

  constructor(parts: MoverParts) {
    this.#parts = parts
    this.#transit = new Transit(parts, (connection, listener) => this.#onReturned(connection, listener))
  }

  /** The move as the report shows it. */
  get outcome(): Pick<Transit, 'refused' | 'longestWaitMs'> {
    return this.#transit
  }

  /** Takes a connection on, if the successor has its listener. Returns whether. */
  take(connection: Http1Connection, server: net.Server): boolean {
    const listener = this.#parts.listenerOf(server)
    if (this.#stopped || listener === undefined) return false
    const { movable } = connection
    if (!connection.isPlain) return false
    if (movable ? !this.#parts.protocols.has(movable.protocol) : connection.kind !== 'http1') return false
    this.#listeners.set(connection, listener)
    if (movable) {
      this.#toPrepare.add(connection)
      this.#schedule()
      return true
    }
    connection.startMoving(() => this.#onAnswered(connection))
    if (connection.socket.bytesRead === 0) this.#unread.add(connection)
    else this.#look(connection)
    return true
  }

  /** Handles a receipt for connections that were sent. */
  confirm(receipt: Receipt): void {
    this.#transit.confirm(receipt, () => this.#serveMeanwhile())
    this.#schedule()
  }

  /** The successor is gone, or the time is over: what was not confirmed is lost, the rest ends politely here. */
  abandon(): void {
    this.stop()
    this.loseTransit()
  }

  /** The channel has closed. Whether the successor has ended, too, is known in a moment. */
  pause(): void {
    this.#paused = true
  }

  /** The successor is gone: what it has not confirmed is lost. */
  loseTransit(): void {
    this.#transit.abandon()
  }

  /** Nothing more is sent; what has not been sent ends politely here. */
  stop(): void {
    if (this.#stopped) return
    this.#stopped = true
    this.#transit.stop()
    this.#toPrepare.stop()
    this.#unfinished.stop()
    for (const connection of this.#listeners.keys()) this.#keep(connection)
  }

  /** The receiver is short of descriptors: this process serves the connections that would move next. */
  #serveMeanwhile(): Http1Connection[] {
    const waiting = this.#atBoundary.slice(this.#next).map(({ connection }) => connection)
    for (const connection of waiting) this.#held.readOn(connection)
    return waiting
  }

  /** The connection did not arrive. It moves when the receiver has room. */
  #onReturned(connection: Http1Connection, listener: number): void {
    if (this.#stopped) {
      this.#parts.keep(connection)
      return
    }
    this.#listeners.set(connection, listener)
    this.#look(connection)
  }

  /** Nothing is read until it was looked at, if it can go then: who asks again at once would be busy each time. */
  #onAnswered(connection: Http1Connection): void {
    if (!this.#listeners.has(connection)) return
    const hasRoom = this.#transit.isOpen && this.#transit.size + this.#held.size < mostUnderway
    if (hasRoom && this.#mayAsk() && connection.canMove()) this.#held.hold(connection)
    this.#look(connection)
  }

  #look(connection: Http1Connection): void {
    this.#answered.add(connection)
    this.#schedule()
  }

  /** After what is being read now was read, and before anything more is: the best moment to look. */
  #schedule(): void {
    const toPrepare = this.#toPrepare.size > 0 && this.#held.hasRoom
    const toSend = this.#next < this.#atBoundary.length || this.#transit.hasToSendAgain || toPrepare
    const toDo = this.#answered.size > 0 || (toSend && this.#transit.isOpen)
    if (this.#scheduled || this.#stopped || this.#paused || !toDo) return
    this.#scheduled = true
    setImmediate(() => {
      this.#scheduled = false
      this.#turn()
    })
  }

  #turn(): void {
    if (this.#stopped || this.#paused) return
    if (this.#answered.size > 0 && this.#mayAsk()) this.#ask()
    this.#transit.sendAgain()
    while (this.#transit.hasRoom && this.#next < this.#atBoundary.length) {
      const { connection, bytesRead } = this.#atBoundary[this.#next++] as AtBoundary
      if (!connection.canMove()) this.#held.readOn(connection)
      else if (connection.socket.bytesRead === bytesRead) this.#give(connection)
      // Bytes came in between, which need not be those of a request.
      else this.#look(connection)
    }
    const hasRoom = () => this.#transit.hasRoom && this.#held.hasRoom
    this.#toPrepare.ask(hasRoom, (connection) => this.#prepare(connection))
    if (this.#transit.hasRoom) this.#schedule()
  }

  /** The protocol of the connection brings it to a boundary, when it can. Returns whether it need not be asked again. */
  #prepare(connection: Http1Connection): boolean {
    const { movable } = connection
    if (!movable || connection.socket.destroyed || !this.#listeners.has(connection)) return true
    return movable.prepare(this.#departureOf(connection, movable))
  }

  #departureOf(connection: Http1Connection, { protocol }: Movable): Departure {
    const decline = (error?: unknown) => {
      if (error !== undefined) this.#parts.failed(protocol, error)
      this.#keep(connection)
    }
    return {
      hold: () => this.#held.hold(connection),
      give: (state) => {
        let id: number | undefined
        try {
          id = this.#give(connection, { protocol, state: v8().serialize(state) })
        } catch (error) {
          decline(error)
        }
        return { send: (data) => id !== undefined && this.#parts.sendLate(id, data) }
      },
      decline,
    }
  }

  #keep(connection: Http1Connection): void {
    if (!this.#listeners.delete(connection)) return
    this.#held.readOn(connection)
    this.#parts.keep(connection)
  }

  /** Not at every turn while there are others to move. */
  #mayAsk(): boolean {
    return this.#next >= this.#atBoundary.length || performance.now() >= this.#askAgainAt
  }

  #ask(): void {
    const from = performance.now()
    const idle = this.#parts.idle()
    const found = [...this.#answered].filter(
      (connection) => idle.has(connection) && this.#listeners.has(connection),
    )
    for (const connection of this.#answered) {
      if (idle.has(connection)) continue
      this.#held.readOn(connection)
      if (connection.canMove()) this.#unfinished.add(connection)
    }
    this.#answered.clear()
    // Those that were busy go first: they may be busy again when the others have gone.
    const rest = this.#atBoundary.slice(this.#next)
    this.#atBoundary = [
      ...found.map((connection) => ({ connection, bytesRead: connection.socket.bytesRead })),
      ...rest,
    ]
    this.#next = 0
    const now = performance.now()
    this.#askAgainAt = now + (now - from) / askingShare
  }

  /** Returns the id of the connection; `undefined` if it cannot move. */
  #give(connection: Http1Connection, state?: ProtocolState): number | undefined {
    const listener = this.#listeners.get(connection)
    const id = listener === undefined ? undefined : this.#transit.give(connection, listener, state)
    if (id === undefined) {
      this.#keep(connection)
      return undefined
    }
    this.#listeners.delete(connection)
    this.#held.letGo(connection)
    return id
  }
}
