/** What Node keeps private of plain connections and of HTTP/1.1 on them: see platform/listener-handle.ts. */
import { fstatSync } from 'node:fs'
import http from 'node:http'
import net from 'node:net'

/** Whether an HTTP/1 socket has been upgraded (or is a CONNECT tunnel): Node takes the parser off it. */
export function isUpgraded(socket: net.Socket): boolean {
  return 'parser' in socket && (socket as unknown as { parser: unknown }).parser === null
}

/** The native handle of a connection. */
interface NativeStream {
  readonly fd: number
  readStop(): number
  readStart(): number
  close(): void
}

const streamOf = (socket: net.Socket) => (socket as unknown as { _handle: NativeStream | null })._handle

/**
 * Stops reading from a plain connection and gives its handle, to be sent to another process: the handle, not
 * the `Socket`, which Node would track and its server would wait for. Not a byte is read after this.
 */
export function giveSocket(socket: net.Socket): object | undefined {
  const handle = streamOf(socket)
  if (!handle || typeof handle.readStop !== 'function' || handle.fd < 0) return undefined
  // Its keep-alive limit is the successor's affair.
  socket.setTimeout(0)
  handle.readStop()
  return handle
}

/** Not a byte is read from a plain connection after this, whoever resumes it, until {@link startReading}. */
export function stopReading(socket: net.Socket): void {
  streamOf(socket)?.readStop()
}

/** The way back from {@link stopReading}. */
export function startReading(socket: net.Socket): void {
  if (!socket.destroyed) streamOf(socket)?.readStart()
}

/** The inode of the socket of a handle. Every process sees the same one. `undefined`: the handle is closed. */
export function inodeOf(handle: object): number | undefined {
  try {
    return fstatSync((handle as NativeStream).fd).ino
  } catch {
    return undefined
  }
}

/**
 * Calls `gone` when a socket is closed, without a listener on it. A stream destroys itself by its own `_destroy`
 * (Node: "Implementing a writable stream").
 */
export function whenDestroyed(socket: net.Socket, gone: () => void): void {
  const destroy = socket._destroy
  const value = function destroyAndTell(this: net.Socket, ...[error, done]: Parameters<typeof destroy>) {
    destroy.call(this, error, (failed) => {
      done(failed)
      process.nextTick(gone)
    })
  }
  Object.defineProperty(socket, '_destroy', { value, configurable: true, writable: true })
}

/** Ends the connection of a handle that another process sent. */
export const closeConnection = (handle: object): void => (handle as NativeStream).close()

/** A connection of `server`, of a handle that another process sent. Nothing is read yet. */
export function socketOf(server: net.Server, handle: object): net.Socket {
  const inside = server as unknown as {
    allowHalfOpen?: boolean
    pauseOnConnect?: boolean
    _connections: number
  }
  const { allowHalfOpen, pauseOnConnect: pauseOnCreate } = inside
  const socket = new net.Socket({
    handle,
    allowHalfOpen,
    pauseOnCreate,
    readable: true,
    writable: true,
  } as object)
  inside._connections++
  return Object.assign(socket, { server, _server: server })
}

/** The privates of an HTTP parser that are needed to make it believe that it has read a request. */
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
 * Puts the parser of a fresh HTTP/1.1 connection where it is after a request. Node gives a connection that has
 * not sent one `headersTimeout` to do so, and would answer 408 to a client that rests between two requests.
 * Where this Node has no such parser nothing happens, and that limit applies.
 */
export function markBetweenRequests(socket: net.Socket): void {
  const parser = (socket as unknown as { parser?: NativeParser | null }).parser
  const numbers = parserCallbacks.map((name) => parser?.constructor[name])
  if (!parser || !numbers.every((each) => each !== undefined)) return
  const saved = numbers.map((each) => parser[each])
  for (const each of numbers) parser[each] = null
  parser.execute(Buffer.from('GET / HTTP/1.1\r\n\r\n'))
  for (const [i, each] of numbers.entries()) parser[each] = saved[i]
}

/** The head of an answer as it was sent; what was given to `writeHead` alone is found nowhere else. */
export const sentHead = (response: http.ServerResponse): string =>
  (response as unknown as { _header?: string | null })._header ?? ''

/** The answer that is being given on `socket`: Node lets go of it when its last byte is with the kernel. */
export const answerOn = (socket: net.Socket): http.ServerResponse | undefined =>
  (socket as unknown as { _httpMessage?: http.ServerResponse | null })._httpMessage ?? undefined

let answersAreTold: boolean | undefined

/** Whether this Node tells by {@link answerOn}. */
export function tellsAnswers(): boolean {
  if (answersAreTold === undefined) {
    const socket = new net.Socket()
    const response = new http.ServerResponse(new http.IncomingMessage(socket))
    response.assignSocket(socket)
    answersAreTold = answerOn(socket) === response
  }
  return answersAreTold
}

/** An answer whose head another process has sent, ready to go on on `socket`. */
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
    // Node says so itself for answers to requests that it has read.
    process.nextTick(() => {
      Object.assign(response, { destroyed: true, _closed: true })
      response.emit('close')
    })
    // Without chunks the end of the connection is the end of the answer (RFC 9112, 6.3).
    if (!response.shouldKeepAlive) socket.destroySoon()
  })
  return response
}

/** Marks a socket as {@link isUpgraded} expects it. */
export function markUpgraded(socket: net.Socket): void {
  Object.assign(socket, { parser: null })
}

/** The TCP connection below a TLS one. */
export function underlying(socket: net.Socket): net.Socket | undefined {
  return (socket as unknown as { _parent?: net.Socket })._parent
}
