/**
 * Handover for `ws` 8: live WebSockets go on in the successor, on the same connection.
 * @packageDocumentation
 */
import type { IncomingMessage } from 'node:http'
import { HandoverError, receiveConnections } from '@handover/core'
import { type ApplicationHooks, ServerSockets } from './server-sockets.js'
import { replace } from './ws-internals.js'
import type { WebSocketLike, WebSocketServerLike } from './ws-types.js'

/** What the application knows of a WebSocket, and how it goes. */
export interface GracefulWebSocketOptions<Socket, State> {
  /**
   * Called in the predecessor when the WebSocket is about to move, or in no reload at all. Stop what sends on it
   * by itself, wait for what is under way, and return what the successor must know: anything the structured clone
   * algorithm takes, at once or as a promise. The client's next messages are the successor's. `undefined`: it
   * shall not move, and is closed with 1012.
   */
  serialize(socket: Socket, request: IncomingMessage): State | undefined | Promise<State | undefined>
  /**
   * Called in the successor: what the handler of 'connection' does, with the state. Messages of the client come
   * when it is done, which may be told by a promise. `request` is the one that the WebSocket began with, as far as
   * its method, URL and headers go.
   */
  restore(socket: Socket, state: State, request: IncomingMessage): unknown
  /** The longest time over which WebSockets that cannot move are closed, one after the other. Default 5000. */
  readonly spreadMs?: number
  /** What tells this WebSocketServer from others of the process, now and in the next release. Default: their order. */
  readonly name?: string
}

const defaultSpreadMs = 5_000
type Unchecked = { readonly [name in keyof GracefulWebSocketOptions<never, never>]?: unknown }
/** The longest time a timer of Node can take. */
const longestMs = 2 ** 31 - 1
const names = new Set<string>()

/**
 * Hands the WebSockets of `wss` on at a reload, and closes them with 1012 (service restart) where they cannot go.
 * To be called before `wss` has a client, and in every process before it is ready. `graceful` of the framework, or of
 * `@handover/core`, does the rest.
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
    receiveConnections(sockets.protocol, (arrival) => sockets.arrive(arrival))
  const { handleUpgrade } = wss
  const followed: typeof handleUpgrade = (request, socket, head, callback) =>
    handleUpgrade.call(wss, request, socket, head, (websocket, itsRequest) => {
      sockets.follow(websocket, itsRequest, socket)
      callback(websocket, itsRequest)
    })
  replace(wss, { handleUpgrade: { value: followed, writable: true } })
}

function nameOf(wss: WebSocketServerLike<unknown>, asked: string | undefined): string {
  let name = asked ?? '1'
  if (asked === undefined) for (let n = 2; names.has(name); n++) name = String(n)
  else if (names.has(name))
    throw wrong('name', asked, 'a name that no other WebSocketServer of this process has')
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
  if (typeof name !== 'string' || name === '') throw wrong('name', name, 'a text')
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
    'graceful(wss, …) of @handover/ws wants a WebSocketServer of ws; with @fastify/websocket that is app.websocketServer. Nothing was changed.',
  )
}

/**
 * `graceful(wss, { serialize, restore })`: also what `require('@handover/ws')` returns, and its property `graceful`.
 *
 * @function
 */
export const graceful: typeof tie & { readonly graceful: typeof tie } = Object.assign(tie, { graceful: tie })

export default graceful
export { graceful as 'module.exports' }
