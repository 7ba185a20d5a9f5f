/** Counts and describes open connections. */
import type net from 'node:net'
import type { ActiveWork, ConnectionKind, Connections, KindCount, Outcomes } from '../base/report.js'
import type { Connection } from './connection.js'

type Open = ReadonlyMap<Connection, net.Server>

/** Has the same value for each kind of connection. */
export const forEachKind = <T>(value: T): Record<ConnectionKind, T> => ({
  http1: value,
  https: value,
  http2: value,
  raw: value,
  upgraded: value,
})

export function countsOf(connections: Open, idle: ReadonlySet<Connection>, requests: number): Connections {
  const kinds = forEachKind<KindCount>({ idle: 0, busy: 0 })
  let inFlight = 0
  for (const connection of connections.keys()) {
    const { idle: i, busy: b } = kinds[connection.kind]
    kinds[connection.kind] = idle.has(connection) ? { idle: i + 1, busy: b } : { idle: i, busy: b + 1 }
    inFlight += connection.inFlight()
  }
  return { ...kinds, total: connections.size, inFlight, requests }
}

/** The connections of the process, or those of some servers. */
export abstract class OpenConnections {
  /** Every open connection, with its server. */
  abstract readonly open: Open
  /** HTTP requests since the start of the process. */
  abstract readonly requests: number

  /** Returns connections that can close without cutting off a request. */
  abstract idle(): Connection[]

  get size(): number {
    return this.open.size
  }

  all(): Connection[] {
    return [...this.open.keys()]
  }

  counts(): Connections {
    return countsOf(this.open, new Set(this.idle()), this.requests)
  }

  /** Describes the connections that are not idle, the oldest first. */
  activeWork(): ActiveWork[] {
    return this.#workBeside(new Set(this.idle()))
  }

  /** Both of the above, with one query for idle connections. */
  overview(): { readonly connections: Connections; readonly activeWork: ActiveWork[] } {
    const idle = new Set(this.idle())
    return { connections: countsOf(this.open, idle, this.requests), activeWork: this.#workBeside(idle) }
  }

  #workBeside(idle: ReadonlySet<Connection>): ActiveWork[] {
    return this.all()
      .filter((connection) => !idle.has(connection))
      .map((connection) => connection.activeWork())
      .sort((a, b) => b.ageMs - a.ageMs)
  }
}

export const totalOf = (kinds: Readonly<Record<ConnectionKind, Outcomes>>): Outcomes =>
  Object.values(kinds).reduce((total, { moved, lost, closed, cut }) => ({
    moved: total.moved + moved,
    lost: total.lost + lost,
    closed: total.closed + closed,
    cut: total.cut + cut,
  }))
