/** The connections of some servers, for a drain of those servers alone. */
import type net from 'node:net'
import type { Connections, Fates, Holding } from '../report.js'
import type { Connection } from './connection.js'
import { countsOf, FateCounts, holdingOf } from './counting.js'
import { idleOf } from './idle.js'
import type { Tracker } from './tracker.js'

/** What a drain needs of connections: those of the process ({@link Tracker}), or of some servers. */
export type Drained = Pick<
  Tracker,
  'size' | 'fates' | 'arrived' | 'onClosed' | 'startDraining' | 'idle' | 'all' | 'holding' | 'counts' | 'end'
>

export class ServerConnections implements Drained {
  readonly #tracker: Tracker
  readonly #servers: ReadonlySet<net.Server>
  /** Accepted after their server listened again: not part of this drain. */
  readonly #later = new WeakSet<Connection>()
  readonly #fates = new FateCounts()
  readonly #unwatch: () => void
  #draining = false
  onClosed: () => void = () => {}

  constructor(tracker: Tracker, servers: ReadonlySet<net.Server>) {
    this.#tracker = tracker
    this.#servers = servers
    this.#unwatch = tracker.watch({
      onOpened: (connection, server) => this.#servers.has(server) && this.#onOpened(connection, server),
      onReplaced: (connection, server) => this.#servers.has(server) && this.#onReplaced(connection),
      onGone: (connection, server, fate) =>
        this.#servers.has(server) && !this.#later.has(connection) && this.#onGone(connection, fate),
    })
  }

  /** The drain has ended. */
  stop(): void {
    this.#unwatch()
  }

  get size(): number {
    return this.#open().size
  }

  get fates(): Readonly<Record<Connection['kind'], Fates>> {
    return this.#fates.kinds
  }

  get arrived(): number {
    return this.#fates.arrived
  }

  startDraining(): void {
    this.#draining = true
    for (const connection of this.all()) connection.startDraining()
  }

  idle(): Connection[] {
    return idleOf(this.#open())
  }

  all(): Connection[] {
    return [...this.#open().keys()]
  }

  holding(): Holding[] {
    return holdingOf(this.#open())
  }

  counts(): Connections {
    return countsOf(this.#open(), this.#tracker.requests)
  }

  end(connection: Connection, fate: keyof Fates): void {
    this.#tracker.end(connection, fate)
  }

  #open(): ReadonlyMap<Connection, net.Server> {
    const all = [...this.#tracker.open]
    return new Map(
      all.filter(([connection, server]) => this.#servers.has(server) && !this.#later.has(connection)),
    )
  }

  /** The kernel's queue still held it, or its TLS handshake is done; or the server listens again. */
  #onOpened(connection: Connection, server: net.Server): void {
    if (!this.#draining) return
    if (server.listening) {
      this.#later.add(connection)
      return
    }
    this.#fates.arrived++
    connection.startDraining()
  }

  #onReplaced(handshake: Connection): void {
    if (this.#draining && !this.#later.has(handshake)) this.#fates.arrived--
  }

  #onGone({ kind }: Connection, fate: keyof Fates): void {
    if (this.#draining) this.#fates.add(kind, fate)
    this.onClosed()
  }
}
