/**
 * HTTP/1.1, plain and over TLS. A parser at a message boundary can still have a pending response, which Node knows. At
 * steady state a request costs nothing here. A connection keeps no reference to a response that has ended: it may be
 * idle for hours, and the application may have attached anything to its last request.
 */
import type { Server, ServerResponse } from 'node:http'
import type net from 'node:net'
import { formatRequest } from '../base/client-text.js'
import type { ActiveWork, ConnectionKind } from '../base/report.js'
import { answerOn, isUpgraded, sentHead, startReading, tellsAnswers } from '../platform/socket-handle.js'
import type { Connection } from './connection.js'
import { answerWithClose } from './connection-close.js'
import { endStream } from './end-stream.js'
import type { MovableConnection } from './movable.js'

/** How many connections need a call of `begin` for each of their requests. */
export interface RequestInterest {
  count: number
}

/**
 * When a pending response was first sampled. The connection itself does not refer to the response: it would keep the
 * memory of the request until the next sample.
 */
const seenSince = new WeakMap<ServerResponse, number>()

export class Http1Connection implements Connection {
  readonly socket: net.Socket
  readonly #secure: boolean
  readonly #interest: RequestInterest
  #isInterested = false
  #isGone = false
  readonly #openedAt = performance.now()
  /** Bytes that arrived before any request could: those of the TLS handshake. */
  readonly #bytesBefore: number
  /** Responses to pipelined requests that wait for earlier ones, the newest last. */
  readonly #queued = new Set<ServerResponse>()
  #draining = false
  #wasUpgraded = false
  /** Moves the connection in the middle of its protocol, if something can. */
  movable: MovableConnection | undefined
  /** The connection was sent to another process and is not confirmed yet. Do nothing to it here. */
  inTransit = false
  /** The keep-alive timeout of a connection that moved here between two requests, which Node has not started. */
  #keepAliveArmed = false
  /** Called after each response while a move is pending. */
  #onAnswered: (() => void) | undefined

  constructor(socket: net.Socket, secure: boolean, interest: RequestInterest) {
    this.socket = socket
    this.#secure = secure
    this.#interest = interest
    this.#updateInterest()
    this.#bytesBefore = secure ? socket.bytesRead : 0
  }

  /** Remembers an upgrade: a closed socket does not show it. */
  get kind(): ConnectionKind {
    this.#wasUpgraded ||= !this.socket.destroyed && isUpgraded(this.socket)
    if (this.#wasUpgraded) return 'upgraded'
    return this.#secure ? 'https' : 'http1'
  }

  /** The request's headers have been parsed. Called for pipelined requests, and while there is {@link RequestInterest}. */
  begin(response: ServerResponse): void {
    const current = answerOn(this.socket)
    if (!tellsAnswers() || (current && current !== response)) this.#queue(response)
    if (this.#keepAliveArmed) this.#disarmKeepAlive()
    if (this.#onAnswered) response.once('close', this.#onAnswered)
    else if (this.#draining) this.#announceClose(response)
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
    wanted = this.#keepAliveArmed || this.#draining || this.#onAnswered !== undefined || !tellsAnswers(),
  ): void {
    if (this.#isGone) return
    if (wanted !== this.#isInterested) this.#interest.count += wanted ? 1 : -1
    this.#isInterested = wanted
  }

  inFlight(): number {
    const current = answerOn(this.socket)
    return this.#queued.size + (current && !this.#queued.has(current) ? 1 : 0)
  }

  /** Whether no byte of a request has arrived. */
  isUnused(): boolean {
    return this.socket.bytesRead === this.#bytesBefore
  }

  activeWork(): ActiveWork {
    const isResponding = this.sample()
    const response = this.#current()
    const since = (response && seenSince.get(response)) ?? this.#openedAt
    return { kind: this.kind, what: this.#what(isResponding), ageMs: Math.round(performance.now() - since) }
  }

  /** Starts the server's keep-alive timeout: the connection is between two requests, which Node does not know. */
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

  /** Whether the connection is plain. Node cannot export the state of TLS, so a TLS connection cannot move. */
  get isPlain(): boolean {
    return !this.#secure
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

  /** The connection stays in this process. */
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
    const open = !socket.destroyed && socket.readable && socket.writable
    return (
      open && !this.#secure && !isUpgraded(socket) && this.inFlight() === 0 && socket.writableLength === 0
    )
  }

  startDraining(): void {
    this.#onAnswered = undefined
    this.#draining = true
    this.#updateInterest()
    if (this.movable) {
      this.movable.end()
      return
    }
    const response = this.#newest()
    if (response) this.#announceClose(response)
  }

  finish(): void {
    if (this.movable) {
      this.movable.end()
      return
    }
    const response = this.#newest()
    if (response && /^content-type: *text\/event-stream/im.test(sentHead(response))) endStream(response)
  }

  close(): void {
    this.socket.destroySoon()
  }

  cut(): void {
    this.socket.destroy()
  }

  /** Only the response to the last pipelined request announces the close: this process answers all of them. */
  #announceClose(response: ServerResponse): void {
    answerWithClose(response, () => response === this.#newest())
  }

  #queue(response: ServerResponse): void {
    this.#queued.add(response)
    response.once('close', () => this.#queued.delete(response))
  }

  /** The response in flight. */
  #current(): ServerResponse | undefined {
    return answerOn(this.socket) ?? [...this.#queued][0]
  }

  /** The response to the latest request, if it has not ended. */
  #newest(): ServerResponse | undefined {
    return [...this.#queued].at(-1) ?? answerOn(this.socket)
  }

  #what(isResponding: boolean): string {
    const { req: request } = this.#newest() ?? {}
    if (isResponding && request) return formatRequest(request)
    if (this.kind === 'upgraded') return 'an upgraded connection'
    return this.isUnused() ? 'a connection that has not spoken yet' : 'an idle or half-received request'
  }
}

/**
 * How long a connection of this server may be idle, as in Node's _http_server.js. Without a keep-alive timeout, the
 * socket timeout applies. Newer versions of Node add a buffer, so that the client closes first.
 */
function keepAliveLimit(server: (Server & { keepAliveTimeoutBuffer?: number }) | undefined): number {
  const { keepAliveTimeout = 0, keepAliveTimeoutBuffer = 0, timeout = 0 } = server ?? {}
  return keepAliveTimeout > 0 ? keepAliveTimeout + keepAliveTimeoutBuffer : timeout
}
