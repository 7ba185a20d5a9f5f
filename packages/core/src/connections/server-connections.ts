/** The connections of some servers, for a drain of those servers alone. */
import type net from 'node:net'
import type { ActiveWork, Connections, Outcomes } from '../base/report.js'
import type { Connection } from './connection.js'
import { activeWorkOf, countsOf, OutcomeCounts } from './counting.js'
import { idleOf } from './idle-connections.js'
import type { Tracker } from './tracker.js'

/** The connections that a drain works on: those of the process ({@link Tracker}), or of some servers. */
export type Drained = Pick<
  Tracker,
  | 'size'
  | 'outcomes'
  | 'arrived'
  | 'onClosed'
  | 'startDraining'
  | 'idle'
  | 'all'
  | 'activeWork'
  | 'counts'
  | 'end'
>

export class ServerConnections implements Drained {
  readonly #tracker: Tracker
  readonly #servers: ReadonlySet<net.Server>
  /** Connections accepted after their server listened again. They are not part of this drain. */
  readonly #later = new WeakSet<Connection>()
  readonly #outcomes = new OutcomeCounts()
  readonly #unwatch: () => void
  #draining = false
  onClosed: () => void = () => {}

  constructor(tracker: Tracker, servers: ReadonlySet<net.Server>) {
    this.#tracker = tracker
    this.#servers = servers
    this.#unwatch = tracker.watch({
      onOpened: (connection, server) => this.#servers.has(server) && this.#onOpened(connection, server),
      onReplaced: (connection, server) => this.#servers.has(server) && this.#onReplaced(connection),
      onGone: (connection, server, outcome) =>
        this.#servers.has(server) && !this.#later.has(connection) && this.#onGone(connection, outcome),
    })
  }

  /** The drain has ended. */
  stop(): void {
    this.#unwatch()
  }

  get size(): number {
    return this.#open().size
  }

  get outcomes(): Readonly<Record<Connection['kind'], Outcomes>> {
    return this.#outcomes.kinds
  }

  get arrived(): number {
    return this.#outcomes.arrived
  }

  startDraining(): void {
    this.#draining = true
    for (const connection of this.all()) connection.startDraining()
  }

  idle(): Connection[] {
    // The query covers all connections of a server, because Node closes idle connections that it omits.
    return idleOf(this.#ofServers()).filter((connection) => !this.#later.has(connection))
  }

  all(): Connection[] {
    return [...this.#open().keys()]
  }

  activeWork(): ActiveWork[] {
    return activeWorkOf(this.#open(), new Set(this.idle()))
  }

  counts(): Connections {
    return countsOf(this.#open(), new Set(this.idle()), this.#tracker.requests)
  }

  end(connection: Connection, outcome: keyof Outcomes): void {
    this.#tracker.end(connection, outcome)
  }

  #open(): ReadonlyMap<Connection, net.Server> {
    return new Map([...this.#ofServers()].filter(([connection]) => !this.#later.has(connection)))
  }

  #ofServers(): ReadonlyMap<Connection, net.Server> {
    return new Map([...this.#tracker.open].filter(([, server]) => this.#servers.has(server)))
  }

  /** The connection came from the kernel's queue, or its TLS handshake is done, or the server listens again. */
  #onOpened(connection: Connection, server: net.Server): void {
    if (!this.#draining) return
    if (server.listening) {
      this.#later.add(connection)
      return
    }
    this.#outcomes.arrived++
    connection.startDraining()
  }

  #onReplaced(handshake: Connection): void {
    if (this.#draining && !this.#later.has(handshake)) this.#outcomes.arrived--
  }

  #onGone({ kind }: Connection, outcome: keyof Outcomes): void {
    if (this.#draining) this.#outcomes.add(kind, outcome)
    this.onClosed()
  }
}
