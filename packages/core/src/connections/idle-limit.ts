import type { Connection } from './connection.js'
import type { Drained } from './server-connections.js'

/** Returns a function that closes connections that have been idle for `lingerMs`. Call it regularly. */
export function idleLimit(connections: Pick<Drained, 'idle'>, lingerMs: number): () => void {
  let idleSince = new Map<Connection, number>()
  return () => {
    const now = performance.now()
    const idle = connections.idle()
    idleSince = new Map(idle.map((connection) => [connection, idleSince.get(connection) ?? now]))
    for (const [connection, since] of idleSince) if (now - since >= lingerMs) connection.close()
  }
}
