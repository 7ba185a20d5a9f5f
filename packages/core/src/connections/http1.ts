/**
 * HTTP/1.1, plain and over TLS. A parser at a message boundary can still have a pending response, which Node knows.
 * While nothing drains or moves, only pipelined requests run code here. A connection keeps no reference to a finished
 * response: it may be idle for hours, and the application may have attached large objects to the request.
 */
import type { Server, ServerResponse } from 'node:http'
import type net from 'node:net'
import { formatRequest } from '../base/client-text.js'
import type { ActiveWork, ConnectionKind } from '../base/report.js'
import {
  exposesResponses,
  isUpgraded,
  responseOn,
  sentHeaders,
  startReading,
} from '../platform/socket-handle.js'
import type { Connection } from './connection.js'
import { answerWithClose } from './connection-close.js'
import { endStream } from './end-stream.js'
import type { MovableConnection } from './movable.js'
import type { RequestInterest } from './requests.js'

/**
 * When a pending response was first sampled. A field of the connection would keep the response in memory until the next
 * sample.
 */
const seenSince = new WeakMap<ServerResponse, number>()

export class Http1Connection implements Connection {
  readonly socket: net.Socket
  /** Node cannot export the state of TLS, so a TLS connection cannot move. */
  readonly isSecure: boolean
  readonly #interest: RequestInterest
  #isInterested = false
  #isGone = false
  readonly #openedAt = performance.now()
  /** The bytes of the TLS handshake. They belong to no request. */
  readonly #bytesBefore: number
  /** Responses to pipelined requests that wait for earlier ones, the newest last. Few connections need the set. */
  #queued: Set<ServerResponse> | undefined
  #isDraining = false
  #wasUpgraded = false
  /** Moves the connection in the middle of its protocol, if the protocol can move. */
  movable: MovableConnection | undefined
  /** Another process may have the connection, but has not confirmed it. Do not use it here. */
  inTransit = false
  /** Whether Handover started the keep-alive timeout: Node starts none for a connection that moved between requests. */
  #keepAliveArmed = false
  /** Called after each response while a move is pending. */
  #onAnswered: (() => void) | undefined

  constructor(socket: net.Socket, isSecure: boolean, interest: RequestInterest) {
    this.socket = socket
    this.isSecure = isSecure
    this.#interest = interest
    this.#updateInterest()
    this.#bytesBefore = isSecure ? socket.bytesRead : 0
  }

  /** Remembers an upgrade, because a closed socket does not show it. */
  get kind(): ConnectionKind {
    this.#wasUpgraded ||= !this.socket.destroyed && isUpgraded(this.socket)
    if (this.#wasUpgraded) return 'upgraded'
    return this.isSecure ? 'https' : 'http1'
  }

  /** A request's headers have been parsed. Called for pipelined requests, and while {@link RequestInterest} is set. */
  begin(response: ServerResponse): void {
    const current = responseOn(this.socket)
    if (!exposesResponses() || (current && current !== response)) this.#queue(response)
    if (this.#keepAliveArmed) this.#disarmKeepAlive()
    if (this.#onAnswered) response.once('close', this.#onAnswered)
    else if (this.#isDraining) this.#announceClose(response)
  }

  sample(): boolean {
    const response = this.#current()
    if (response !== undefined && !seenSince.has(response)) seenSince.set(response, performance.now())
    return response !== undefined
  }

  forget(): void {
    this.#updateInterest(false)
    this.#isGone = true
  }

  #updateInterest(
    isInterested = this.#keepAliveArmed ||
      this.#isDraining ||
      this.#onAnswered !== undefined ||
      !exposesResponses(),
  ): void {
    if (this.#isGone) return
    if (isInterested !== this.#isInterested) this.#interest.count += isInterested ? 1 : -1
    this.#isInterested = isInterested
  }

  inFlight(): number {
    const current = responseOn(this.socket)
    const queued = this.#queued?.size ?? 0
    return queued + (current && !this.#queued?.has(current) ? 1 : 0)
  }

  /** Whether this process has received no byte of a request. */
  isUnused(): boolean {
    return this.socket.bytesRead === this.#bytesBefore
  }

  activeWork(): ActiveWork {
    const isResponding = this.sample()
    const response = this.#current()
    const since = (response && seenSince.get(response)) ?? this.#openedAt
    return {
      kind: this.kind,
      what: this.#activity(isResponding),
      ageMs: Math.round(performance.now() - since),
    }
  }

  /** Starts the server's keep-alive timeout. Node has not seen a request on this connection, and starts none. */
  armKeepAlive(): void {
    this.#keepAliveArmed = true
    this.#updateInterest()
    this.socket.setTimeout(keepAliveLimit(this.#server))
  }

  #disarmKeepAlive(): void {
    this.#keepAliveArmed = false
    this.#updateInterest()
    this.socket.setTimeout(this.#server?.timeout ?? 0)
  }

  get #server(): Server | undefined {
    return (this.socket as { server?: Server }).server
  }

  /** Whether bytes of a request have arrived, in this process or an earlier one. */
  get hasReceivedBytes(): boolean {
    return this.socket.bytesRead > this.#bytesBefore || this.#keepAliveArmed
  }

  /** Begins a pending move. Calls `onAnswered` after each response, when Node has finished it. */
  startMoving(onAnswered: () => void): void {
    this.#onAnswered = onAnswered
    this.#updateInterest()
    this.#newest()?.once('close', onAnswered)
  }

  stopMoving(): void {
    this.#onAnswered = undefined
    this.#updateInterest()
  }

  /** The connection did not arrive in the other process. Reads from it here again, with a new keep-alive timeout. */
  resumeHere(): void {
    this.inTransit = false
    startReading(this.socket)
    if (this.hasReceivedBytes) this.armKeepAlive()
    else this.socket.setTimeout(this.#server?.timeout ?? 0)
  }

  /** Whether the connection can move as soon as it is at a message boundary. */
  canMove(): boolean {
    const { socket } = this
    const isOpen = !socket.destroyed && socket.readable && socket.writable
    const isQuiet = this.inFlight() === 0 && socket.writableLength === 0
    return isOpen && isQuiet && !this.isSecure && !isUpgraded(socket)
  }

  startDraining(): void {
    this.#isDraining = true
    this.stopMoving()
    const response = this.#newest()
    if (this.movable) this.movable.end()
    else if (response) this.#announceClose(response)
  }

  finish(): void {
    const response = this.#newest()
    if (this.movable) this.movable.end()
    else if (response && isEventStream(response)) endStream(response)
  }

  close(): void {
    this.socket.destroySoon()
  }

  cut(): void {
    this.socket.destroy()
  }

  /** Only the response to the last pipelined request announces the close. */
  #announceClose(response: ServerResponse): void {
    answerWithClose(response, () => response === this.#newest())
  }

  #queue(response: ServerResponse): void {
    const queued = this.#queued ?? new Set()
    this.#queued = queued.add(response)
    response.once('close', () => queued.delete(response))
  }

  #current(): ServerResponse | undefined {
    return responseOn(this.socket) ?? [...(this.#queued ?? [])][0]
  }

  /** The response to the latest request, if it has not ended. */
  #newest(): ServerResponse | undefined {
    return [...(this.#queued ?? [])].at(-1) ?? responseOn(this.socket)
  }

  #activity(isResponding: boolean): string {
    const { req: request } = this.#newest() ?? {}
    if (isResponding && request) return formatRequest(request)
    if (this.kind === 'upgraded') return 'an upgraded connection'
    return this.isUnused() ? 'an unused connection' : 'an idle connection or a partial request'
  }
}

const isEventStream = (response: ServerResponse): boolean =>
  /^content-type: *text\/event-stream/im.test(sentHeaders(response))

/**
 * How long a connection of this server may be idle, as in Node's _http_server.js. Without a keep-alive timeout, the
 * socket timeout applies. Newer versions of Node add a buffer, so that the client closes first.
 */
function keepAliveLimit(server: (Server & { keepAliveTimeoutBuffer?: number }) | undefined): number {
  const { keepAliveTimeout = 0, keepAliveTimeoutBuffer = 0, timeout = 0 } = server ?? {}
  return keepAliveTimeout > 0 ? keepAliveTimeout + keepAliveTimeoutBuffer : timeout
}
