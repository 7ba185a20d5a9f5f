/**
 * Handover for `ws` 8: live WebSockets continue in the successor, on the same connection.
 * @packageDocumentation
 */
import type { IncomingMessage } from 'node:http'
import { closestName, HandoverError, receiveConnections } from '@handover/core'
import type { ApplicationHooks } from './movable-websocket.js'
import { ServerSockets } from './server-sockets.js'
import { replace } from './ws-internals.js'
import type { WebSocketLike, WebSocketServerLike } from './ws-types.js'

/** How the application saves and restores the state of a WebSocket. */
export interface GracefulWebSocketOptions<Socket, State> {
  /**
   * Called in the predecessor when the WebSocket is about to move. Stop timers that send on it and wait for operations
   * in progress. Then return the state for the successor, or a promise of it: anything that the structured clone
   * algorithm accepts. The successor gets the client's next messages. With `undefined`, the WebSocket closes with 1012.
   */
  serialize(socket: Socket, request: IncomingMessage): State | undefined | Promise<State | undefined>
  /**
   * Called in the successor. Set up the WebSocket as the handler of 'connection' does, with the state. If this function
   * returns a promise, the client's messages wait for it. `request` has the method, URL and headers of the request that
   * opened the WebSocket.
   *
   * If this function adds no `message` listener and `wss` has no `connection` listener, the server emits `upgrade` with
   * that request. A route of @fastify/websocket then serves the WebSocket.
   */
  restore(socket: Socket, state: State, request: IncomingMessage): unknown
  /**
   * Called in the predecessor before `serialize`. With `false` the WebSocket stays for now: return it while this process
   * needs the client's next message. Handover asks again every few milliseconds. If the drain is about to time out, the
   * WebSocket closes with 1012, as it does if this function throws. Default: every WebSocket can move.
   */
  canMove?(socket: Socket, request: IncomingMessage): boolean
  /** Called in the predecessor when the WebSocket has moved. Clean up what `serialize` left. */
  moved?(socket: Socket, request: IncomingMessage): void
  /** The longest time, in milliseconds, over which WebSockets that cannot move close one by one. Default: 5000. */
  readonly spreadMs?: number
  /** Identifies this WebSocketServer in this release and the next. Default: its position in the order of the calls. */
  readonly name?: string
}

const defaultSpreadMs = 5_000
type Unchecked = { readonly [name in keyof GracefulWebSocketOptions<never, never>]?: unknown }
/** The longest timeout that Node supports. */
const maxTimerMs = 2 ** 31 - 1
const names = new Set<string>()

/**
 * Moves the WebSockets of `wss` to the successor at a reload. Those that cannot move close with 1012 (service restart).
 * Call it in every process before the process is ready and before `wss` has a client. The server itself needs
 * `graceful` of its framework, or of `@handover/core`.
 *
 * @throws HandoverError `ERR_HANDOVER_NOT_A_SERVER`, `ERR_HANDOVER_OPTION`. Neither changes anything.
 */
function attach<Socket extends WebSocketLike, State>(
  wss: WebSocketServerLike<Socket>,
  options: GracefulWebSocketOptions<Socket, State>,
): void {
  if (typeof wss?.handleUpgrade !== 'function' || typeof wss.on !== 'function') throw notAServer()
  check(options ?? {})
  const name = nameOf(wss, options.name)
  const application: ApplicationHooks<Socket, State> = {
    serialize: (socket, request) => options.serialize(socket, request),
    restore: (socket, state, request) => options.restore(socket, state, request),
    canMove: (socket, request) => options.canMove?.(socket, request) ?? true,
    moved: (socket, request) => options.moved?.(socket, request),
  }
  const sockets = new ServerSockets(wss, `ws:${name}`, application, options.spreadMs ?? defaultSpreadMs)
  for (const protocol of sockets.receivable)
    receiveConnections(protocol, (incoming) => sockets.receive(incoming))
  const { handleUpgrade } = wss
  const tracked: typeof handleUpgrade = (request, socket, head, callback) => {
    const moved = sockets.returning(request)
    if (moved) return callback(moved, request)
    handleUpgrade.call(wss, request, socket, head, (websocket, upgradeRequest) => {
      sockets.track(websocket, upgradeRequest, socket)
      callback(websocket, upgradeRequest)
    })
  }
  replace(wss, { handleUpgrade: { value: tracked, writable: true } })
}

function nameOf(wss: WebSocketServerLike<unknown>, requested: string | undefined): string {
  let name = requested ?? '1'
  if (requested === undefined) for (let n = 2; names.has(name); n++) name = String(n)
  else if (names.has(name))
    throw invalidOption('name', requested, 'a name that no other WebSocketServer of this process uses')
  names.add(name)
  wss.once('close', () => names.delete(name))
  return name
}

const known: readonly string[] = ['serialize', 'restore', 'canMove', 'moved', 'spreadMs', 'name']

function check(options: Unchecked): void {
  for (const name of Object.keys(options)) {
    const closest = known.includes(name) ? undefined : closestName(name, known)
    if (closest)
      throw rejected(name, options[name as keyof Unchecked], `is not an option: did you mean "${closest}"?`)
  }
  const { serialize, restore, canMove, moved, spreadMs = 0, name = '-' } = options
  if (typeof serialize !== 'function') throw invalidOption('serialize', serialize, 'a function')
  if (typeof restore !== 'function') throw invalidOption('restore', restore, 'a function')
  if (canMove !== undefined && typeof canMove !== 'function')
    throw invalidOption('canMove', canMove, 'a function')
  if (moved !== undefined && typeof moved !== 'function') throw invalidOption('moved', moved, 'a function')
  const isTime = Number.isInteger(spreadMs) && Number(spreadMs) >= 0 && Number(spreadMs) <= maxTimerMs
  if (!isTime) {
    throw invalidOption('spreadMs', spreadMs, `a whole number of milliseconds from 0 to ${maxTimerMs}`)
  }
  if (typeof name !== 'string' || name === '') throw invalidOption('name', name, 'a non-empty string')
}

const invalidOption = (option: string, value: unknown, expected: string) =>
  rejected(option, value, `must be ${expected}.`)

const rejected = (option: string, value: unknown, problem: string) =>
  new HandoverError(
    'ERR_HANDOVER_OPTION',
    `graceful from @handover/ws: "${option}" ${problem} Nothing was changed.`,
    { option, value },
  )

function notAServer(): HandoverError {
  return new HandoverError(
    'ERR_HANDOVER_NOT_A_SERVER',
    'graceful(wss, …) of @handover/ws needs a WebSocketServer of ws; with @fastify/websocket, pass app.websocketServer. Nothing was changed.',
  )
}

/**
 * `graceful(wss, { serialize, restore })`. In CommonJS, `require('@handover/ws')` returns it, too.
 *
 * @function
 */
export const graceful: typeof attach & { readonly graceful: typeof attach; readonly default: typeof attach } =
  Object.assign(attach, {
    graceful: attach,
    default: attach,
  })

export type { WebSocketLike, WebSocketServerLike } from './ws-types.js'
export default graceful
/**
 * What `require` returns. index.d.cts declares it: a string as a name is an error with `module: es2020` of TypeScript.
 *
 * @internal
 */
export { graceful as 'module.exports' }
