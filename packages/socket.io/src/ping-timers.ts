/** The ping timers of a client that has moved. Its handshake told it how long it may wait for a ping. */
import type { MovedClient } from './messages.js'
import type { Connection, Engine } from './socket-io-internals.js'

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
  if (pingInMs === 0) {
    connection.resetPingTimeout(pingTimeout)
    return
  }
  const ping = () => {
    connection.sendPacket('ping')
    connection.resetPingTimeout(pingTimeout)
    connection.pingIntervalTimer?.refresh()
  }
  const timer = setTimeout(ping, pingInMs).unref()
  connection.once('close', () => clearTimeout(timer))
}
