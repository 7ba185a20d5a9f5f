/**
 * Moves running responses such as server-sent events: the successor continues the response on the same connection. Only
 * plain HTTP/1.1 connections can move.
 */
import type { IncomingMessage, ServerResponse } from 'node:http'
import { endStream, type StreamOptions } from '../connections/end-stream.js'
import { Http1Connection } from '../connections/http1.js'
import type { IncomingConnection, MovableConnection, OutgoingTransfer } from '../connections/movable.js'
import type { Tracker } from '../connections/tracker.js'
import { headOf, type RequestHead, restoreRequest } from '../platform/restored-request.js'
import { markBetweenRequests, resumeResponse } from '../platform/socket-handle.js'

export const streamProtocol = 'http-stream'
/** How often to check whether the kernel has taken all output of a stream that moves. */
const pollMs = 5

/**
 * Called when the response can move to the successor. Stop writing, then call `move` with the state that the successor
 * needs (any value that the structured clone algorithm supports). Later writes in this process have no effect.
 */
export type HandoverHook = (move: (state: unknown) => void) => void

/** Continues a response that the predecessor began. The predecessor has sent the response's head. */
export type ResumeStream = (response: ServerResponse, state: unknown, request: IncomingMessage) => void

/** The program's state, the request, and the framing of the response. */
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
  const connection = tracker.connectionOf(response.socket ?? response.req.socket)
  if (!(connection instanceof Http1Connection)) return
  tracker.setMovable(connection, movableStream(connection, response, hook, options))
  response.once('close', () => tracker.setMovable(connection, undefined))
}

function movableStream(
  connection: Http1Connection,
  response: ServerResponse,
  hook: HandoverHook,
  options: StreamOptions,
): MovableConnection {
  return {
    protocol: streamProtocol,
    prepare(transfer) {
      // The successor can neither write the head nor answer a later request that this process has read.
      if (!response.headersSent || !response.req.complete || connection.inFlight() > 1) return false
      // Node holds the head until the first byte of the body.
      response.flushHeaders()
      hook((state) => whenWritten(response, connection, () => leave(response, transfer, state)))
      return true
    },
    end: () => endStream(response, options),
  }
}

/** Calls `done` when all output has left this process; never if the stream has ended. */
function whenWritten(response: ServerResponse, connection: Http1Connection, done: () => void): void {
  if (response.closed || response.writableEnded) return
  if (response.writableLength === 0 && connection.socket.writableLength === 0) done()
  else setTimeout(() => whenWritten(response, connection, done), pollMs).unref()
}

function leave(response: ServerResponse, transfer: OutgoingTransfer, state: unknown): void {
  const { chunkedEncoding: chunked } = response
  transfer.send({ state, chunked, ...headOf(response.req) } satisfies StreamState)
  response.write = () => true
  response.end = () => response
}

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
