/** Finds connections that can close or move without cutting off a request. */
import type net from 'node:net'
import { atBoundary } from '../platform/server-kind.js'
import { httpServerOf } from '../platform/socket-handle.js'
import type { Connection } from './connection.js'
import { Http1Connection } from './http1.js'
import { RawConnection } from './raw.js'

/** Queries each server once, because a query takes time for each of its connections. */
export function idleOf(connections: ReadonlyMap<Connection, net.Server>): Connection[] {
  const byServer = new Map<net.Server, Connection[]>()
  for (const [connection, accepting] of connections) {
    // Only the server that parses the requests knows which connections are idle.
    const server = (connection instanceof Http1Connection && httpServerOf(connection.socket)) || accepting
    const list = byServer.get(server)
    if (list) list.push(connection)
    else byServer.set(server, [connection])
  }
  return [...byServer].flatMap(([server, list]) => idleOfServer(server, list))
}

function idleOfServer(server: net.Server, connections: readonly Connection[]): Connection[] {
  const http1 = connections.filter((each) => each instanceof Http1Connection)
  const boundary = atBoundary(
    server,
    http1.map(({ socket }) => socket),
  )
  return connections.filter((connection) => {
    if (connection instanceof Http1Connection) {
      if (connection.kind === 'upgraded' || connection.inFlight() > 0 || connection.inTransit) return false
      return boundary.has(connection.socket) || connection.isUnused()
    }
    if (connection instanceof RawConnection) return connection.isUnused()
    return connection.kind === 'http2' && connection.inFlight() === 0
  })
}

/** Returns a function that closes connections that have been idle for `lingerMs`. Call it regularly. */
export function idleLimit(connections: { idle(): Connection[] }, lingerMs: number): () => void {
  let idleSince = new Map<Connection, number>()
  return () => {
    const now = performance.now()
    const idle = connections.idle()
    idleSince = new Map(idle.map((connection) => [connection, idleSince.get(connection) ?? now]))
    for (const [connection, since] of idleSince) if (now - since >= lingerMs) connection.close()
  }
}
