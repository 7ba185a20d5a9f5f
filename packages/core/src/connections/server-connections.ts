/** The connections of some servers, for a drain of those servers alone. */
import type net from 'node:net'
import type { ConnectionKind, Outcomes } from '../base/report.js'
import type { Connection } from './connection.js'
import { ConnectionDrain } from './connection-drain.js'
import { OpenConnections } from './counting.js'
import type { Tracker } from './tracker.js'

/** The connections that a drain works on: those of the process ({@link Tracker}), or of some servers. */
export type Drained = Pick<
  Tracker,
  keyof OpenConnections | 'outcomes' | 'arrived' | 'onClosed' | 'findHttp' | 'startDraining' | 'end'
>

export class ServerConnections extends OpenConnections implements Drained {
  readonly #tracker: Tracker
  readonly #servers: ReadonlySet<net.Server>
  /** Connections accepted after their server listened again. They are not part of this drain. */
  readonly #later = new WeakSet<Connection>()
  readonly #drain = new ConnectionDrain()
  readonly #unwatch: () => void
  onClosed: () => void = () => {}

  constructor(tracker: Tracker, servers: ReadonlySet<net.Server>) {
    super()
    this.#tracker = tracker
    this.#servers = servers
    this.#unwatch = tracker.watch({
      onOpened: (connection, server) => this.#onOpened(connection, server),
      onReplaced: (handshake, server) => this.#includes(handshake, server) && this.#drain.onReplaced(),
      onGone: (connection, server, outcome) =>
        this.#includes(connection, server) && this.#onGone(connection, outcome),
    })
  }

  stop(): void {
    this.#unwatch()
  }

  get open(): ReadonlyMap<Connection, net.Server> {
    return new Map([...this.#ofServers()].filter(([connection]) => !this.#later.has(connection)))
  }

  get requests(): number {
    return this.#tracker.requests
  }

  get outcomes(): Readonly<Record<ConnectionKind, Outcomes>> {
    return this.#drain.outcomes
  }

  get arrived(): number {
    return this.#drain.arrived
  }

  findHttp(): void {
    this.#tracker.findHttp()
  }

  startDraining(): void {
    this.findHttp()
    this.#drain.start()
    for (const connection of this.all()) connection.startDraining()
  }

  idle(): Connection[] {
    // The query must cover all connections of a server: it closes the idle ones that it omits.
    const open = this.#tracker.open
    const isIncluded = (connection: Connection) => {
      const server = open.get(connection)
      return server !== undefined && this.#includes(connection, server)
    }
    return this.#tracker.idle().filter(isIncluded)
  }

  end(connection: Connection, outcome: keyof Outcomes): void {
    this.#tracker.end(connection, outcome)
  }

  #ofServers(): ReadonlyMap<Connection, net.Server> {
    return new Map([...this.#tracker.open].filter(([, server]) => this.#servers.has(server)))
  }

  #includes(connection: Connection, server: net.Server): boolean {
    return this.#servers.has(server) && !this.#later.has(connection)
  }

  /** The connection came from the kernel's queue, has completed its TLS handshake, or its server listens again. */
  #onOpened(connection: Connection, server: net.Server): void {
    if (!this.#servers.has(server)) return
    if (this.#drain.isActive && server.listening) this.#later.add(connection)
    else this.#drain.onOpened(connection, server)
  }

  #onGone(connection: Connection, outcome: keyof Outcomes): void {
    this.#drain.onGone(connection, outcome)
    this.onClosed()
  }
}
