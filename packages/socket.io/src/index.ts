/**
 * Handover for Socket.IO 4: clients on WebSocket continue in the successor, on the same connection, and do not notice.
 * @packageDocumentation
 */
import { type GracefulHandle, graceful as gracefulServer, HandoverError, surroundings } from '@handover/core'
import type { Socket } from 'socket.io'
import { closePolling } from './close-polling.js'
import { Generations } from './generations.js'
import { moveWebSockets } from './move-websockets.js'
import { type GracefulSocketIoOptions, type OwnOptions, readOptions, rejected } from './options.js'
import { type Engine, missingPart, type SocketIoServer } from './socket-io-internals.js'

/** A `Server` of Socket.IO. */
export interface SocketIoLike {
  readonly engine: unknown
  readonly sockets: unknown
  path(): unknown
}

/** The names in use, and the Socket.IO servers that have them. */
const servers = new Map<string, SocketIoServer>()

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
  if (typeof server?.path !== 'function' || !server.engine || !server.httpServer) throw notAServer()
  const [own, core] = readOptions(options)
  const name = nameFor(server, own.name)
  const handle = gracefulServer(server.httpServer, core)
  if (servers.get(name) === server) return handle
  servers.set(name, server)
  const generations = moveClients(server, server.engine, own, `socket.io:${name}`)
  let answering = generations
  // The first hook, because handlers use what the application's hooks close.
  handle.onDrained(() => answering?.answered())
  const onState = ({ state }: { state: string }) => {
    if (state !== 'draining') return
    if (server.engine) closePolling(server.engine, own.spreadMs)
    // The last hook, because those of the application may still broadcast.
    handle.onDrained(() => generations?.settle())
  }
  handle.on('state', onState)
  server.httpServer.once('close', () => {
    servers.delete(name)
    if (handle.state !== 'draining') answering = undefined
    handle.off('state', onState)
  })
  return handle
}

function moveClients(
  server: SocketIoServer,
  engine: Engine,
  own: OwnOptions,
  protocol: string,
): Generations | undefined {
  let hasWarned = false
  const warn = (missing: string) => {
    if (hasWarned) return
    hasWarned = true
    surroundings().logger.warn(
      { protocol },
      `this version of Socket.IO cannot move clients, so a reload closes them (missing: ${missing})`,
    )
  }
  const missing = missingPart(server)
  if (missing) engine.once('connection', () => warn(missing))
  const generations = missing
    ? undefined
    : new Generations(server, {
        ...own,
        protocol,
        moved: (socket) => own.moved?.(socket as unknown as Socket),
        onMissing: warn,
      })
  moveWebSockets(server, { name: protocol, spreadMs: own.spreadMs }, generations)
  return generations
}

/** A server keeps its name if the program registers it again. */
function nameFor(io: SocketIoServer, requested: string | undefined): string {
  const isFree = (name: string) => !servers.has(name)
  const path = io.path()
  const known = [...servers].find(([, server]) => server === io)
  if (known) return known[0]
  if (requested !== undefined && !isFree(requested))
    throw rejected('name', requested, 'must be a name that no other Socket.IO server of this process uses.')
  let name = requested ?? path
  for (let n = 2; !isFree(name); n++) name = `${path} ${n}`
  return name
}

function notAServer(): HandoverError {
  return new HandoverError(
    'ERR_HANDOVER_NOT_A_SERVER',
    'graceful(io, …) of @handover/socket.io needs a Server of Socket.IO that has an HTTP server: call it after new Server(server) or io.attach(server). For a namespace, pass namespace.server. Nothing was changed.',
  )
}

/**
 * `graceful(io)`. In CommonJS, `require('@handover/socket.io')` returns it, too.
 *
 * @function
 */
export const graceful: typeof attach & { readonly graceful: typeof attach; readonly default: typeof attach } =
  Object.assign(attach, {
    graceful: attach,
    default: attach,
  })

export type { GracefulSocketIoOptions } from './options.js'
export default graceful
/**
 * What `require` returns. index.d.cts declares it: a string as a name is an error with `module: es2020` of TypeScript.
 *
 * @internal
 */
export { graceful as 'module.exports' }
