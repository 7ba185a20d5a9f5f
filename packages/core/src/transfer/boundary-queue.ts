/**
 * Chooses which HTTP/1.1 connections can move now: those at a message boundary. Node knows them, but asking it takes
 * time for each open connection, so this queue asks for many of them together.
 */
import type { Http1Connection } from '../connections/http1.js'
import { FirstReads } from './first-read.js'
import { PartialRequests } from './partial-requests.js'
import type { PausedConnections } from './paused-connections.js'

/** The share of the time that may go into asking Node which connections are idle. */
const askingShare = 0.1

export interface BoundaryQueueParts {
  /** Connections that are at a message boundary now. */
  readonly idle: () => ReadonlySet<unknown>
  /** Whether the connection still waits to move. */
  readonly isWaiting: (connection: Http1Connection) => boolean
  readonly paused: PausedConnections
  /** Called when the queue has something to do. */
  readonly onWork: () => void
}

interface AtBoundary {
  readonly connection: Http1Connection
  /** If it has read no more than this, it is still at the boundary. */
  readonly bytesRead: number
}

export class BoundaryQueue {
  readonly #parts: BoundaryQueueParts
  readonly #toCheck = new Set<Http1Connection>()
  #ready: AtBoundary[] = []
  #next = 0
  #askAgainAt = 0
  readonly #partial = new PartialRequests((connection) => this.check(connection))
  readonly #firstReads = new FirstReads((connection) => this.check(connection))

  constructor(parts: BoundaryQueueParts) {
    this.#parts = parts
  }

  /** Whether connections wait for a check. */
  get hasToCheck(): boolean {
    return this.#toCheck.size > 0
  }

  /** Whether connections were at a boundary in the last check and have not moved yet. */
  get hasReady(): boolean {
    return this.#next < this.#ready.length
  }

  /** Asking Node must not delay connections that are ready to move. */
  get mayAsk(): boolean {
    return !this.hasReady || performance.now() >= this.#askAgainAt
  }

  /** Adds a connection. A new one may have a request in the kernel, which this process reads and answers first. */
  add(connection: Http1Connection): void {
    if (connection.socket.bytesRead === 0) this.#firstReads.add(connection)
    else this.check(connection)
  }

  /** Checks in the next turn whether the connection is at a boundary. */
  check(connection: Http1Connection): void {
    this.#toCheck.add(connection)
    this.#parts.onWork()
  }

  /** Asks Node which connections are at a boundary, if there are any to check and it is time to ask. */
  update(): void {
    if (this.hasToCheck && this.mayAsk) this.#ask()
  }

  /** Calls `send` for connections at a boundary, as long as there is room. */
  sendReady(hasRoom: () => boolean, send: (connection: Http1Connection) => void): void {
    while (hasRoom() && this.hasReady) {
      const { connection, bytesRead } = this.#ready[this.#next++] as AtBoundary
      if (!connection.canMove()) this.#parts.paused.resume(connection)
      else if (connection.socket.bytesRead === bytesRead) send(connection)
      // Bytes arrived since the check. They need not be those of a request.
      else this.check(connection)
    }
  }

  /** Reads again from the connections that would move next, and returns them. They keep their place. */
  resumeReady(): Http1Connection[] {
    const waiting = this.#ready.slice(this.#next).map(({ connection }) => connection)
    for (const connection of waiting) this.#parts.paused.resume(connection)
    return waiting
  }

  stop(): void {
    this.#partial.stop()
  }

  #ask(): void {
    const from = performance.now()
    const idle = this.#parts.idle()
    const found = [...this.#toCheck].filter(
      (connection) => idle.has(connection) && this.#parts.isWaiting(connection),
    )
    for (const connection of this.#toCheck) {
      if (idle.has(connection)) continue
      this.#parts.paused.resume(connection)
      if (connection.canMove()) this.#partial.add(connection)
    }
    this.#toCheck.clear()
    // Connections that were busy go first: they may be busy again when the others have moved.
    this.#ready = [
      ...found.map((connection) => ({ connection, bytesRead: connection.socket.bytesRead })),
      ...this.#ready.slice(this.#next),
    ]
    this.#next = 0
    const now = performance.now()
    this.#askAgainAt = now + (now - from) / askingShare
  }
}
