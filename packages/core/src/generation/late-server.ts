/** Servers that listen before `graceful(server)` is called: their shutdown is graceful, a reload is not possible. */
import type net from 'node:net'
import { HandoverError } from '../base/errors.js'
import type { Listeners } from '../listeners/listeners.js'
import type { Platform } from '../platform/process.js'
import type { ReadyCondition } from './readiness.js'
import type { SharedParts } from './shared-parts.js'

/** The server of a registration, if the registration comes too late for a reload. */
export function lateServer(what: ReadyCondition, listeners: Listeners | undefined): net.Server | undefined {
  const server = 'server' in what && what.server.listening ? what.server : undefined
  return server && !listeners?.has(server) ? server : undefined
}

export interface LateServerParts extends Pick<SharedParts, 'logger' | 'tracker' | 'listeners'> {
  readonly platform: Pick<Platform, 'unsupported'>
}

/** Follows `server`, and its connections, from now on. */
export function attachLate(
  { listeners, tracker, logger, platform }: LateServerParts,
  server: net.Server,
): void {
  if (!listeners.hasLate && !platform.unsupported()) {
    logger.warn(
      {},
      `graceful(server) was called after server.listen() (${where(server)}): shutdowns are graceful, reloads are not ` +
        'possible. Call graceful(server) before listen() to allow them.',
    )
  }
  listeners.attach(server)
  tracker.trackOpen(server)
  // The program registers its hooks first.
  setImmediate(() => server.listening && listeners.announce(server))
}

export function tooLate(generation: number): HandoverError {
  return new HandoverError(
    'ERR_HANDOVER_ALREADY_LISTENING',
    `A reload is not possible: graceful(server) was called after server.listen(). Generation ${generation} keeps serving. ` +
      'Call graceful(server) before listen(), and stop and start the service once.',
    { generation },
  )
}

/** Its listener may be inherited, or bound by its predecessor. Only a `listen` after `graceful` can tell. */
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
