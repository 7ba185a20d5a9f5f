/** Servers that listen before `graceful(server)` is called: shutdowns are graceful, reloads are not possible. */
import type net from 'node:net'
import { HandoverError } from '../base/errors.js'
import type { Listeners } from '../listeners/listeners.js'
import { listeningServers } from '../platform/open-sockets.js'
import { matches, type ReadyCondition } from './readiness.js'
import type { SharedParts } from './shared-parts.js'

/** The servers of a registration that listened before Handover could find their listeners. */
export function lateServers(condition: ReadyCondition, listeners: Listeners | undefined): net.Server[] {
  const candidates =
    'server' in condition ? [condition.server] : 'isHandler' in condition ? listeningServers() : []
  return candidates.filter(
    (server) => server.listening && matches(condition, server) && !listeners?.open.has(server),
  )
}

/** Follows `server` and its connections from now on. */
export function attachLate(
  {
    listeners,
    tracker,
    logger,
    platform,
  }: Pick<SharedParts, 'listeners' | 'tracker' | 'logger' | 'platform'>,
  server: net.Server,
): void {
  if (!listeners.hasLate && !platform.unsupported()) {
    logger.warn(
      {},
      `graceful() was called after listen() (${where(server)}): shutdowns are graceful, reloads are not ` +
        'possible. Call graceful() before listen() to allow reloads.',
    )
  }
  listeners.attach(server)
  tracker.trackOpen(server)
  // Gives the program time to register its hooks.
  setImmediate(() => server.listening && listeners.watch.announce(server))
}

/** The server may have bound a new listener, although it should inherit one. */
export function lateSuccessor(): HandoverError {
  return new HandoverError(
    'ERR_HANDOVER_ALREADY_LISTENING',
    'graceful() was called after listen() in a process that inherits its listeners. Call graceful() before listen(). ' +
      'Nothing was changed.',
  )
}

function where(server: net.Server): string {
  const address = server.address()
  return typeof address === 'object' && address ? `${address.address}:${address.port}` : String(address)
}
