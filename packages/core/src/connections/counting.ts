/** Counts and describes open connections, for the whole process or for some of its servers. */
import type net from 'node:net'
import type { ActiveWork, ConnectionKind, Connections, KindCount, Outcomes } from '../base/report.js'
import type { Connection } from './connection.js'

type Open = ReadonlyMap<Connection, net.Server>

/** Connections that are not idle, the oldest first. */
export function activeWorkOf(connections: Open, idle: ReadonlySet<Connection>): ActiveWork[] {
  return [...connections.keys()]
    .filter((connection) => !idle.has(connection))
    .map((connection) => connection.activeWork())
    .sort((a, b) => b.ageMs - a.ageMs)
}

export function countsOf(connections: Open, idle: ReadonlySet<Connection>, requests: number): Connections {
  const none: KindCount = { idle: 0, busy: 0 }
  const kinds: Record<ConnectionKind, KindCount> = {
    http1: none,
    https: none,
    http2: none,
    raw: none,
    upgraded: none,
  }
  let inFlight = 0
  for (const connection of connections.keys()) {
    const { idle: i, busy: b } = kinds[connection.kind]
    kinds[connection.kind] = idle.has(connection) ? { idle: i + 1, busy: b } : { idle: i, busy: b + 1 }
    inFlight += connection.inFlight()
  }
  return { ...kinds, total: connections.size, inFlight, requests }
}

/** Counts the outcomes of connections during a drain, by kind. */
export class OutcomeCounts {
  /** Connections that opened since the drain began. Each of these and of those open before has one outcome. */
  arrived = 0
  readonly kinds: Record<ConnectionKind, Outcomes>

  constructor() {
    const none: Outcomes = { moved: 0, lost: 0, closed: 0, cut: 0 }
    this.kinds = { http1: none, https: none, http2: none, raw: none, upgraded: none }
  }

  add(kind: ConnectionKind, outcome: keyof Outcomes): void {
    this.kinds[kind] = { ...this.kinds[kind], [outcome]: this.kinds[kind][outcome] + 1 }
  }
}

/** The outcomes of all kinds together. */
export const totalOf = (kinds: Readonly<Record<ConnectionKind, Outcomes>>): Outcomes =>
  Object.values(kinds).reduce((total, { moved, lost, closed, cut }) => ({
    moved: total.moved + moved,
    lost: total.lost + lost,
    closed: total.closed + closed,
    cut: total.cut + cut,
  }))
