/** Closes the clients that have no WebSocket, at different moments, so that they do not all reconnect at once. */
import { surroundings } from '@handover/core'
import type { Connection, Engine } from './socket-io-internals.js'

/** The time per client, up to `spreadMs` in total. */
const eachMs = 10
/** The fraction of the remaining drain time in which clients close. */
const closingFraction = 0.8

export function closePolling(engine: Engine, spreadMs: number): void {
  const polling = Object.values(engine.clients).filter(isPolling)
  const window = Math.min(spreadMs, polling.length * eachMs, surroundings().drainMs * closingFraction)
  for (const connection of polling) setTimeout(() => close(connection), Math.random() * window)
}

/** A client that upgrades in the meantime moves with its WebSocket. */
function close(connection: Connection): void {
  if (isPolling(connection)) connection.close()
}

const isPolling = ({ transport, upgrading }: Connection): boolean =>
  transport.name !== 'websocket' && !upgrading
