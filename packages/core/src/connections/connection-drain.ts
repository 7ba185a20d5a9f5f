/** What a drain does with each connection, and the outcomes since it began. */
import type net from 'node:net'
import type { ConnectionKind, Outcomes } from '../base/report.js'
import type { Connection } from './connection.js'
import { forEachKind } from './counting.js'
import { Http1Connection } from './http1.js'

export interface ConnectionTaker {
  /** Returns whether it took the connection. Otherwise the connection drains here. */
  take(connection: Http1Connection, server: net.Server): boolean
}

const noOutcomes: Outcomes = { moved: 0, lost: 0, closed: 0, cut: 0 }

export class ConnectionDrain {
  #isActive = false
  #taker: ConnectionTaker | undefined
  #outcomes = forEachKind(noOutcomes)
  #arrived = 0

  get outcomes(): Readonly<Record<ConnectionKind, Outcomes>> {
    return this.#outcomes
  }

  get arrived(): number {
    return this.#arrived
  }

  get isActive(): boolean {
    return this.#isActive
  }

  start(taker?: ConnectionTaker): void {
    this.#isActive = true
    this.#taker = taker
  }

  stop(): void {
    this.#isActive = false
    this.#taker = undefined
    this.#outcomes = forEachKind(noOutcomes)
    this.#arrived = 0
  }

  /** Called when the drain begins, and when the connection can now move or can no longer move. */
  onChanged(connection: Connection, server: net.Server): void {
    if (this.#isActive) this.#drain(connection, server)
  }

  /** The connection cannot move after all: in a drain it ends in order, otherwise it stays open here. */
  keep(connection: Http1Connection): void {
    if (this.#isActive) connection.startDraining()
    else connection.stopMoving()
  }

  onOpened(connection: Connection, server: net.Server): void {
    if (!this.#isActive) return
    this.#arrived++
    this.#drain(connection, server)
  }

  onReplaced(): void {
    if (this.#isActive) this.#arrived--
  }

  onGone({ kind }: Connection, outcome: keyof Outcomes): void {
    const counts = this.#outcomes[kind]
    if (this.#isActive) this.#outcomes[kind] = { ...counts, [outcome]: counts[outcome] + 1 }
  }

  #drain(connection: Connection, server: net.Server): void {
    const isHttp1 = connection instanceof Http1Connection
    // Another process may have the connection by now. Otherwise the tracker drains it again when it is back.
    if (isHttp1 && connection.inTransit) return
    const moves = isHttp1 && this.#taker?.take(connection, server)
    if (!moves) connection.startDraining()
  }
}
