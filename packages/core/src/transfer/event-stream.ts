/**
 * Moves running responses such as server-sent events. The successor continues to write on the same connection. Plain
 * HTTP/1.1 only.
 */
import type { IncomingMessage, ServerResponse } from 'node:http'
import { endStream, type StreamOptions } from '../connections/end-stream.js'
import { Http1Connection } from '../connections/http1.js'
import type { IncomingConnection, MovableConnection, OutgoingTransfer } from '../connections/movable.js'
import type { Tracker } from '../connections/tracker.js'
import { headOf, type RequestHead, restoreRequest } from '../platform/restored-request.js'
import { markBetweenRequests, resumeResponse } from '../platform/socket-handle.js'

/** The name of running responses on the wire. */
export const streamProtocol = 'http-stream'
/** How often to check whether the kernel has taken all output of a stream that is to move. */
const pollMs = 5

/**
 * Called when the response can move to the successor. Stop writing, then call `move` with what the successor must know
 * (structured clone). From then on, writes in this process have no effect.
 */
export type HandoverHook = (move: (state: unknown) => void) => void

/** Continues a response that the predecessor began. Its head has been sent. */
export type ResumeStream = (response: ServerResponse, state: unknown, request: IncomingMessage) => void

/** What the successor must know about the request and the framing of the response. */
interface StreamState extends RequestHead {
  readonly state: unknown
  readonly chunked: boolean
}

/** Makes a running response movable until it ends. */
export function makeMovable(
  tracker: Tracker,
  response: ServerResponse,
  hook: HandoverHook,
  options: StreamOptions,
): void {
  const socket = response.socket ?? response.req.socket
  const connection = tracker.connectionOf(socket)
  if (!(connection instanceof Http1Connection)) return
  tracker.setMovable(connection, new MovableStream(connection, response, hook, options))
  response.once('close', () => tracker.setMovable(connection, undefined))
}

class MovableStream implements MovableConnection {
  readonly protocol = streamProtocol
  readonly #connection: Http1Connection
  readonly #response: ServerResponse
  readonly #hook: HandoverHook
  readonly #options: StreamOptions

  constructor(
    connection: Http1Connection,
    response: ServerResponse,
    hook: HandoverHook,
    options: StreamOptions,
  ) {
    this.#connection = connection
    this.#response = response
    this.#hook = hook
    this.#options = options
  }

  /** The head must exist, and no other request may have been read: the successor gets neither. */
  prepare(transfer: OutgoingTransfer): boolean {
    const response = this.#response
    if (!response.headersSent || !response.req.complete || this.#connection.inFlight() > 1) return false
    // Node holds the head until the first byte of the body.
    response.flushHeaders()
    this.#hook((state) => this.#whenTaken(() => this.#leave(transfer, state)))
    return true
  }

  end(): void {
    endStream(this.#response, this.#options)
  }

  #leave(transfer: OutgoingTransfer, state: unknown): void {
    const response = this.#response
    const { chunkedEncoding: chunked } = response
    transfer.send({ state, chunked, ...headOf(response.req) } satisfies StreamState)
    response.write = () => true
    response.end = () => response
  }

  /** Calls `done` when all output has left this process; never if the stream has ended. */
  #whenTaken(done: () => void): void {
    if (this.#response.closed || this.#response.writableEnded) return
    const taken = this.#response.writableLength === 0 && this.#connection.socket.writableLength === 0
    if (taken) done()
    else setTimeout(() => this.#whenTaken(done), pollMs).unref()
  }
}

/** Continues a stream of the predecessor. */
export function resumeStream(
  { server, socket, state }: IncomingConnection,
  tracker: Tracker,
  resume: ResumeStream,
): void {
  const { state: given, chunked, ...head } = state as StreamState
  Reflect.deleteProperty(socket, 'parser')
  server.emit('connection', socket)
  markBetweenRequests(socket)
  const request = restoreRequest(socket, head)
  const response = resumeResponse(request, socket, chunked)
  const connection = tracker.connectionOf(socket)
  if (connection instanceof Http1Connection) {
    connection.begin(response)
    response.once('close', () => connection.armKeepAlive())
  }
  resume(response, given, request)
}
