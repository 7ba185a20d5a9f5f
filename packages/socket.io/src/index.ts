/**
 * Handover for Socket.IO 4: clients on WebSocket continue in the successor, on the same connection, and do not notice.
 * @packageDocumentation
 */
import { type GracefulHandle, graceful as gracefulServer, HandoverError, surroundings } from '@handover/core'
import type { Socket } from 'socket.io'
import { closePolling } from './close-polling.js'
import { Generations } from './generations.js'
import { moveWebSockets } from './move-websockets.js'
import { type GracefulSocketIoOptions, readOptions, rejected } from './options.js'
import { missingPart, type SocketIoServer } from './socket-io-internals.js'

/** A `Server` of Socket.IO. */
export interface SocketIoLike {
  readonly engine: unknown
  readonly sockets: unknown
  path(): unknown
}

const names = new Set<string>()

/**
 * Moves the clients of `io` that use WebSocket to the successor at a reload. Clients that cannot move are closed one by
 * one, and reconnect. Also calls `graceful` of `@handover/core` for the HTTP server of `io`, and returns its handle.
 * Call it in every process, after `new Server(server)` and before `server.listen(…)`.
 *
 * @throws HandoverError `ERR_HANDOVER_NOT_A_SERVER`, `ERR_HANDOVER_OPTION`, and the errors of `graceful` of
 *   `@handover/core`. None changes anything.
 */
function attach(io: SocketIoLike, options: GracefulSocketIoOptions = {}): GracefulHandle {
  const server = io as unknown as SocketIoServer
  const { engine, httpServer } = server ?? {}
  if (typeof server?.path !== 'function' || !engine || !httpServer) throw notAServer()
  const [own, core] = readOptions(options)
  const name = nameOf(server, own.name)
  const handle = gracefulServer(httpServer, core)
  handle.on('state', ({ state }) => {
    if (state === 'draining') closePolling(engine, own.spreadMs)
  })
  const missing = missingPart(server)
  let hasWarned = false
  const warn = (part: string) => {
    if (hasWarned) return
    hasWarned = true
    surroundings().logger.warn(
      { name },
      `this version of Socket.IO cannot move clients, so a reload closes them (missing: ${part})`,
    )
  }
  const protocol = `socket.io:${name}`
  const generations =
    missing === undefined
      ? new Generations(server, {
          ...own,
          protocol,
          moved: (socket) => own.moved?.(socket as unknown as Socket),
          onMissing: warn,
        })
      : undefined
  if (missing) handle.on('state', ({ state }) => state === 'handing-over' && warn(missing))
  moveWebSockets(server, { name: protocol, spreadMs: own.spreadMs }, generations)
  return handle
}

function nameOf(io: SocketIoServer, requested: string | undefined): string {
  const path = io.path()
  let name = requested ?? path
  if (requested === undefined) for (let n = 2; names.has(name); n++) name = `${path} ${n}`
  else if (names.has(name))
    throw rejected('name', requested, 'must be a name that no other Socket.IO server of this process uses.')
  names.add(name)
  ;(io.httpServer as NonNullable<typeof io.httpServer>).once('close', () => names.delete(name))
  return name
}

function notAServer(): HandoverError {
  return new HandoverError(
    'ERR_HANDOVER_NOT_A_SERVER',
    'graceful(io, …) of @handover/socket.io needs a Server of Socket.IO that has an HTTP server: call it after new Server(server) or io.attach(server). Nothing was changed.',
  )
}

/**
 * `graceful(io)`. In CommonJS, `require('@handover/socket.io')` returns it, too.
 *
 * @function
 */
export const graceful: typeof attach & { readonly graceful: typeof attach } = Object.assign(attach, {
  graceful: attach,
})

export type { GracefulSocketIoOptions } from './options.js'
export default graceful
export { graceful as 'module.exports' }
