/** Counts and describes open connections, for the whole process or for some of its servers. */
import type net from 'node:net'
import type { ConnectionKind, Connections, Fates, Holding, KindCount } from '../base/report.js'
import type { Connection } from './connection.js'

type Open = ReadonlyMap<Connection, net.Server>

/** Connections that are not idle, the oldest first. */
export function holdingOf(connections: Open, idle: ReadonlySet<Connection>): Holding[] {
  return [...connections.keys()]
    .filter((connection) => !idle.has(connection))
    .map((connection) => connection.holding())
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

/** Counts the fates of connections during a drain, by kind. */
export class FateCounts {
  /** Connections that opened since the drain began. Each of these and of those open before has one fate. */
  arrived = 0
  readonly kinds: Record<ConnectionKind, Fates>

  constructor() {
    const none: Fates = { moved: 0, lost: 0, closed: 0, cut: 0 }
    this.kinds = { http1: none, https: none, http2: none, raw: none, upgraded: none }
  }

  add(kind: ConnectionKind, fate: keyof Fates): void {
    this.kinds[kind] = { ...this.kinds[kind], [fate]: this.kinds[kind][fate] + 1 }
  }
}

/** The fates of all kinds together. */
export const totalOf = (kinds: Readonly<Record<ConnectionKind, Fates>>): Fates =>
  Object.values(kinds).reduce((total, { moved, lost, closed, cut }) => ({
    moved: total.moved + moved,
    lost: total.lost + lost,
    closed: total.closed + closed,
    cut: total.cut + cut,
  }))
