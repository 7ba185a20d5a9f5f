/** Node's private data of plain connections and HTTP/1.1 messages: see platform/listener-handle.ts. */
import { fstatSync } from 'node:fs'
import http from 'node:http'
import net from 'node:net'

/** Whether an HTTP/1.1 socket has been upgraded, or is a CONNECT tunnel: Node removes the parser from it. */
export function isUpgraded(socket: net.Socket): boolean {
  return 'parser' in socket && (socket as unknown as { parser: unknown }).parser === null
}

/** Whether Node's HTTP/1.1 server has given the socket a parser. */
export const isHttpStarted = (socket: net.Socket): boolean => 'parser' in socket

/** The plain HTTP/1.1 server that serves the socket. Another server may have accepted it. */
export function httpServerOf(socket: net.Socket): http.Server | undefined {
  const { server } = socket as { server?: unknown }
  return isHttpStarted(socket) && server instanceof http.Server ? server : undefined
}

interface NativeStream {
  readonly fd: number
  readStop(): number
  readStart(): number
  close(): void
}

const streamOf = (socket: net.Socket) => (socket as unknown as { _handle: NativeStream | null })._handle

/**
 * Stops reading from a plain connection, and returns its handle to send to another process. For a sent `Socket`, the
 * server would wait until the other process closes it.
 */
export function handleToSend(socket: net.Socket): object | undefined {
  const handle = streamOf(socket)
  if (!handle || typeof handle.readStop !== 'function' || handle.fd < 0) return undefined
  // The receiver applies its own keep-alive timeout.
  socket.setTimeout(0)
  handle.readStop()
  return handle
}

/** Stops reading from a plain connection until {@link startReading}, even if the program resumes the socket. */
export function stopReading(socket: net.Socket): void {
  streamOf(socket)?.readStop()
}

export function startReading(socket: net.Socket): void {
  if (!socket.destroyed) streamOf(socket)?.readStart()
}

/**
 * The inode of the handle's socket, the same in every process. `undefined`: the handle is closed. In Node 20,
 * `realpathSync` returns a link unresolved if the last `Stats` without `bigint` were those of a socket
 * (test/handover/linked-packages.test.ts).
 */
export function inodeOf(handle: object): number | undefined {
  try {
    return Number(fstatSync((handle as NativeStream).fd, { bigint: true }).ino)
  } catch {
    return undefined
  }
}

/**
 * Calls `gone` when the socket has closed, without a listener on it. Every stream calls its `_destroy` method (Node
 * documentation: "Implementing a writable stream").
 */
export function whenDestroyed(socket: net.Socket, gone: () => void): void {
  const destroy = socket._destroy
  const value = function destroyAndNotify(this: net.Socket, ...[error, done]: Parameters<typeof destroy>) {
    destroy.call(this, error, (failed) => {
      done(failed)
      process.nextTick(gone)
    })
  }
  Object.defineProperty(socket, '_destroy', { value, configurable: true, writable: true })
}

/** Closes the connection of a handle that another process sent. */
export const closeConnection = (handle: object): void => (handle as NativeStream).close()

/** Makes a connection of `server` from a handle that another process sent. Reads nothing yet. */
export function socketOf(server: net.Server, handle: object): net.Socket {
  type Inside = { allowHalfOpen?: boolean; pauseOnConnect?: boolean; _connections: number }
  const inside = server as unknown as Inside
  const { allowHalfOpen, pauseOnConnect: pauseOnCreate } = inside
  const options = { handle, allowHalfOpen, pauseOnCreate, readable: true, writable: true }
  const socket = new net.Socket(options as object)
  inside._connections++
  return Object.assign(socket, { server, _server: server })
}

/** The private parts of an HTTP parser that let it parse a request without any effect. */
interface NativeParser {
  readonly constructor: Readonly<Record<string, number>>
  [callback: number]: unknown
  execute(bytes: Buffer): unknown
}

const parserCallbacks = [
  'kOnMessageBegin',
  'kOnHeaders',
  'kOnHeadersComplete',
  'kOnBody',
  'kOnMessageComplete',
  'kOnExecute',
]

/**
 * Puts the parser of a new HTTP/1.1 connection into the state after a request. Otherwise Node expects the first request
 * within `headersTimeout`, and answers 408 to a client that is idle between two requests. If a Node version has another
 * parser, this function does nothing, and that timeout applies.
 */
export function markBetweenRequests(socket: net.Socket): void {
  // Node's value after a response. If the timer's property comes first, V8 gives the socket another hidden class than that
  // of accepted sockets (test/handover/platform-hidden-class.test.ts).
  Object.assign(socket, { _httpMessage: null })
  const parser = (socket as unknown as { parser?: NativeParser | null }).parser
  const numbers = parserCallbacks.map((name) => parser?.constructor[name])
  if (!parser || !numbers.every((each) => each !== undefined)) return
  const saved = numbers.map((each) => parser[each])
  for (const each of numbers) parser[each] = null
  parser.execute(Buffer.from('GET / HTTP/1.1\r\n\r\n'))
  for (const [i, each] of numbers.entries()) parser[each] = saved[i]
}

/** The headers of a response as sent, including those passed to `writeHead`, which `getHeaders()` omits. */
export const sentHeaders = (response: http.ServerResponse): string =>
  (response as unknown as { _header?: string | null })._header ?? ''

/** The current response on `socket`, until the kernel has taken its last byte. */
export const responseOn = (socket: net.Socket): http.ServerResponse | undefined =>
  (socket as unknown as { _httpMessage?: http.ServerResponse | null })._httpMessage ?? undefined

let canFindResponses: boolean | undefined

/** Whether this version of Node supports {@link responseOn}. */
export function exposesResponses(): boolean {
  if (canFindResponses === undefined) {
    const socket = new net.Socket()
    const response = new http.ServerResponse(new http.IncomingMessage(socket))
    response.assignSocket(socket)
    canFindResponses = responseOn(socket) === response
  }
  return canFindResponses
}

/** Makes a response on `socket` whose headers another process has sent. */
export function resumeResponse(
  request: http.IncomingMessage,
  socket: net.Socket,
  chunked: boolean,
): http.ServerResponse {
  const response = new http.ServerResponse(request)
  Object.assign(response, { _header: 'sent by the predecessor', _headerSent: true, chunkedEncoding: chunked })
  response.shouldKeepAlive = chunked
  response.assignSocket(socket)
  response.once('finish', () => {
    response.detachSocket(socket)
    // Node emits `close` only for responses to requests that it has parsed.
    process.nextTick(() => {
      Object.assign(response, { destroyed: true, _closed: true })
      response.emit('close')
    })
    // Without chunked encoding, the end of the connection ends the response (RFC 9112, 6.3).
    if (!response.shouldKeepAlive) socket.destroySoon()
  })
  return response
}

export function markUpgraded(socket: net.Socket): void {
  Object.assign(socket, { parser: null })
}

/** The TCP connection below a TLS one. */
export function underlying(socket: net.Socket): net.Socket | undefined {
  return (socket as unknown as { _parent?: net.Socket })._parent
}
