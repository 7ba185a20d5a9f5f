/**
 * Chooses which HTTP/1.1 connections can move now: those at a message boundary. Node knows them, but a query takes time
 * for each open connection, so this queue checks many connections at once.
 */
import type { Http1Connection } from '../connections/http1.js'
import type { WaitingConnections } from './paused-connections.js'

/** The share of the time that queries for idle connections may take. */
const queryShare = 0.1
/** How often to check whether more of a request has arrived. A drain may end this much later. */
const pollMs = 20

interface AtBoundary {
  readonly connection: Http1Connection
  /** If the connection has read no more than this, it is still at the boundary. */
  readonly bytesRead: number
}

export class BoundaryQueue {
  readonly #waiting: WaitingConnections
  readonly #idle: () => ReadonlySet<unknown>
  readonly #toCheck = new Set<Http1Connection>()
  #ready: AtBoundary[] = []
  #next = 0
  #nextQueryAt = 0

  /** `idle` returns the connections that are at a message boundary now. */
  constructor(waiting: WaitingConnections, idle: () => ReadonlySet<unknown>) {
    this.#waiting = waiting
    this.#idle = idle
  }

  get hasToCheck(): boolean {
    return this.#toCheck.size > 0
  }

  /** Whether connections were at a boundary in the last check and have not moved yet. */
  get hasReady(): boolean {
    return this.#next < this.#ready.length
  }

  /** Whether to query Node now. A query must not delay connections that are ready to move. */
  get canQuery(): boolean {
    return !this.hasReady || performance.now() >= this.#nextQueryAt
  }

  /**
   * Adds a connection. A new one may have a request in the kernel, which this process reads and answers: with several
   * draining generations, it would otherwise reach only the last one. The next turn of the event loop reads it.
   */
  add(connection: Http1Connection): void {
    if (connection.socket.bytesRead > 0) this.check(connection)
    else setImmediate(() => setImmediate(() => this.check(connection)))
  }

  /** Checks in the next turn whether the connection is at a boundary. */
  check(connection: Http1Connection): void {
    this.#toCheck.add(connection)
    this.#waiting.schedule()
  }

  /** Queries Node for the connections at a boundary, if there are any to check and a query is due. */
  update(): void {
    if (this.hasToCheck && this.canQuery) this.#query()
  }

  /** Calls `send` for connections at a boundary, as long as there is room. */
  sendReady(hasRoom: () => boolean, send: (connection: Http1Connection) => void): void {
    while (hasRoom() && this.hasReady) {
      const { connection, bytesRead } = this.#ready[this.#next++] as AtBoundary
      if (!connection.canMove()) this.#waiting.paused.resume(connection)
      else if (connection.socket.bytesRead === bytesRead) send(connection)
      // Bytes arrived since the check, but not necessarily a request.
      else this.check(connection)
    }
  }

  /** Resumes reading from the connections that would move next, and returns them. They keep their place. */
  resumeReady(): Http1Connection[] {
    const ready = this.#ready.slice(this.#next).map(({ connection }) => connection)
    for (const connection of ready) this.#waiting.paused.resume(connection)
    return ready
  }

  #query(): void {
    const { paused, isWaiting } = this.#waiting
    const from = performance.now()
    const idle = this.#idle()
    const found = [...this.#toCheck].filter((connection) => idle.has(connection) && isWaiting(connection))
    for (const connection of this.#toCheck) {
      if (idle.has(connection)) continue
      paused.resume(connection)
      if (connection.canMove()) this.#checkWhenMoreArrived(connection, connection.socket.bytesRead)
    }
    this.#toCheck.clear()
    this.#ready = this.#inOrder(
      found.map((connection) => ({ connection, bytesRead: connection.socket.bytesRead })),
      this.#ready.slice(this.#next),
    )
    this.#next = 0
    const now = performance.now()
    this.#nextQueryAt = now + (now - from) / queryShare
  }

  /**
   * Neither process reads from a paused connection, so these go first, the longest paused one at the front. Connections
   * that were busy follow: they may be busy again when the others have moved.
   */
  #inOrder(found: readonly AtBoundary[], earlier: readonly AtBoundary[]): AtBoundary[] {
    const isPaused = ({ connection }: AtBoundary) => this.#waiting.paused.has(connection)
    const isNot = (each: AtBoundary) => !isPaused(each)
    return [
      ...earlier.filter(isPaused),
      ...found.filter(isPaused),
      ...found.filter(isNot),
      ...earlier.filter(isNot),
    ]
  }

  /**
   * For a request that already has its response, such as an upload with an early answer. Node emits no event when the
   * rest of the request has arrived, so this polls how many bytes the connection has read.
   */
  #checkWhenMoreArrived(connection: Http1Connection, before: number): void {
    setTimeout(() => {
      const { destroyed, bytesRead } = connection.socket
      if (destroyed || !this.#waiting.isWaiting(connection)) return
      if (bytesRead > before) this.check(connection)
      else this.#checkWhenMoreArrived(connection, before)
    }, pollMs)
  }
}
