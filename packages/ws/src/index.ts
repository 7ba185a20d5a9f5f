/**
 * Handover for `ws` 8: live WebSockets continue in the successor, on the same connection.
 * @packageDocumentation
 */
import type { IncomingMessage } from 'node:http'
import { HandoverError, receiveConnections } from '@handover/core'
import type { ApplicationHooks } from './movable-websocket.js'
import { ServerSockets } from './server-sockets.js'
import { replace } from './ws-internals.js'
import type { WebSocketLike, WebSocketServerLike } from './ws-types.js'

/** How the application saves and restores the state of a WebSocket. */
export interface GracefulWebSocketOptions<Socket, State> {
  /**
   * Called in the predecessor when the WebSocket is about to move. Stop timers that send on it, wait for operations in
   * progress, and return the state for the successor, or a promise of it: anything that the structured clone algorithm
   * accepts. The successor gets the client's next messages. With `undefined`, the WebSocket closes with 1012.
   */
  serialize(socket: Socket, request: IncomingMessage): State | undefined | Promise<State | undefined>
  /**
   * Called in the successor. Do what the handler of 'connection' does, with the state. Messages of the client wait for
   * the promise that it returns, if any. `request` has the method, URL and headers of the request that opened the
   * WebSocket.
   */
  restore(socket: Socket, state: State, request: IncomingMessage): unknown
  /** The longest time, in milliseconds, over which WebSockets that cannot move close one by one. Default: 5000. */
  readonly spreadMs?: number
  /** Identifies this WebSocketServer in the process, now and in the next release. Default: the order of the calls. */
  readonly name?: string
}

const defaultSpreadMs = 5_000
type Unchecked = { readonly [name in keyof GracefulWebSocketOptions<never, never>]?: unknown }
/** The longest timeout that Node supports. */
const longestMs = 2 ** 31 - 1
const names = new Set<string>()

/**
 * Moves the WebSockets of `wss` to the successor at a reload. Those that cannot move close with 1012 (service restart).
 * Call it in every process before the process is ready and before `wss` has a client. `graceful` of the framework, or
 * of `@handover/core`, does the rest.
 *
 * @throws HandoverError `ERR_HANDOVER_NOT_A_SERVER`, `ERR_HANDOVER_OPTION`; nothing was changed.
 */
function tie<Socket extends WebSocketLike, State>(
  wss: WebSocketServerLike<Socket>,
  options: GracefulWebSocketOptions<Socket, State>,
): void {
  if (typeof wss?.handleUpgrade !== 'function' || typeof wss.on !== 'function') throw notAServer()
  check(options)
  const name = nameOf(wss, options.name)
  const application: ApplicationHooks<Socket, State> = {
    serialize: (socket, request) => options.serialize(socket, request),
    restore: (socket, state, request) => options.restore(socket, state, request),
  }
  const sockets = new ServerSockets(wss, `ws:${name}`, application, options.spreadMs ?? defaultSpreadMs)
  if (sockets.missing === undefined)
    receiveConnections(sockets.protocol, (incoming) => sockets.receive(incoming))
  const { handleUpgrade } = wss
  const following: typeof handleUpgrade = (request, socket, head, callback) =>
    handleUpgrade.call(wss, request, socket, head, (websocket, itsRequest) => {
      sockets.follow(websocket, itsRequest, socket)
      callback(websocket, itsRequest)
    })
  replace(wss, { handleUpgrade: { value: following, writable: true } })
}

function nameOf(wss: WebSocketServerLike<unknown>, asked: string | undefined): string {
  let name = asked ?? '1'
  if (asked === undefined) for (let n = 2; names.has(name); n++) name = String(n)
  else if (names.has(name))
    throw wrong('name', asked, 'a name that no other WebSocketServer of this process uses')
  names.add(name)
  wss.once('close', () => names.delete(name))
  return name
}

function check({ serialize, restore, spreadMs = 0, name = '-' }: Unchecked): void {
  if (typeof serialize !== 'function') throw wrong('serialize', serialize, 'a function')
  if (typeof restore !== 'function') throw wrong('restore', restore, 'a function')
  const isTime = Number.isInteger(spreadMs) && Number(spreadMs) >= 0 && Number(spreadMs) <= longestMs
  if (!isTime) {
    throw wrong('spreadMs', spreadMs, `a whole number of milliseconds from 0 to ${longestMs}`)
  }
  if (typeof name !== 'string' || name === '') throw wrong('name', name, 'a non-empty string')
}

function wrong(option: string, value: unknown, expected: string): HandoverError {
  return new HandoverError(
    'ERR_HANDOVER_OPTION',
    `graceful of @handover/ws: "${option}" must be ${expected}. Nothing was changed.`,
    { option, value },
  )
}

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
export const graceful: typeof tie & { readonly graceful: typeof tie } = Object.assign(tie, { graceful: tie })

export default graceful
export { graceful as 'module.exports' }
