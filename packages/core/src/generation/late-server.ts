/** Servers that listen before `graceful(server)` is called: shutdowns are graceful, reloads are not possible. */
import type net from 'node:net'
import { HandoverError } from '../base/errors.js'
import type { Listeners } from '../listeners/listeners.js'
import type { ReadyCondition } from './readiness.js'
import type { SharedParts } from './shared-parts.js'

/** The server of a registration, if it listened before Handover could find its listener. */
export function lateServer(what: ReadyCondition, listeners: Listeners | undefined): net.Server | undefined {
  const isLate = 'server' in what && what.server.listening && !listeners?.open.has(what.server)
  return isLate ? what.server : undefined
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
      `graceful(server) was called after server.listen() (${where(server)}): shutdowns are graceful, reloads are not ` +
        'possible. Call graceful(server) before listen() to allow reloads.',
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
    'graceful(server) was called after server.listen() in a process that inherits its listeners. Call graceful(server) ' +
      'before listen(). Nothing was changed.',
  )
}

function where(server: net.Server): string {
  const address = server.address()
  return typeof address === 'object' && address ? `${address.address}:${address.port}` : String(address)
}
