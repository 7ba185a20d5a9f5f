/** The ping timers of a client that has moved. Its handshake told it how long it may wait for a ping. */
import type { MovedClient } from './messages.js'
import type { Connection, Engine } from './socket-io-internals.js'

/** When the next ping of a client is due. */
const due = new WeakMap<Connection, number>()
/** The timer of the first ping after a move. */
const firstPings = new WeakMap<Connection, NodeJS.Timeout>()

export function trackPings(connection: Connection): void {
  const restart = () => due.set(connection, performance.now() + connection.server.opts.pingInterval)
  restart()
  connection.on('heartbeat', restart)
}

/** Milliseconds until the next ping is due; 0 also if the client has not answered the last one. */
export function pingInMs(connection: Connection): number {
  return Math.max(0, Math.round((due.get(connection) ?? 0) - performance.now()))
}

/** A later release may have other times, but this client keeps those of its handshake. */
export function keepPinging(connection: Connection, client: MovedClient, engine: Engine): void {
  const { pingInterval, pingTimeout, pingInMs } = client
  connection.server = Object.create(engine, {
    opts: { value: { ...engine.opts, pingInterval, pingTimeout } },
  })
  if (connection.protocol === 3) {
    // This client sends the pings.
    connection.resetPingTimeout(pingInterval + pingTimeout)
    return
  }
  clearTimeout(connection.pingIntervalTimer ?? undefined)
  connection.schedulePing()
  due.set(connection, performance.now() + pingInMs)
  // The client may get two pings in a row, and answers both.
  const ping = () => {
    connection.sendPacket('ping')
    connection.resetPingTimeout(pingTimeout)
    connection.pingIntervalTimer?.refresh()
  }
  firstPings.set(connection, setTimeout(ping, pingInMs).unref())
  connection.once('close', () => stopPinging(connection))
}

/** The client has closed, or moved on: its own process pings it. */
export function stopPinging(connection: Connection): void {
  const { pingIntervalTimer, pingTimeoutTimer } = connection
  for (const timer of [firstPings.get(connection), pingIntervalTimer, pingTimeoutTimer])
    clearTimeout(timer ?? undefined)
}
