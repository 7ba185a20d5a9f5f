/**
 * HTTP/1.1, plain and over TLS. A parser that is at a message boundary can still have an answer on the way: Node
 * knows it. At steady state a request costs nothing here, and nothing of it is kept for long when it is answered: a
 * connection may be idle for hours, and the application may have attached anything to its last request.
 */
import type { Server, ServerResponse } from 'node:http'
import type net from 'node:net'
import { requestInWords } from '../base/client-text.js'
import type { ConnectionKind, Holding } from '../base/report.js'
import { answerOn, isUpgraded, sentHead, startReading, tellsAnswers } from '../platform/socket-handle.js'
import type { Connection } from './connection.js'
import { answerWithClose } from './connection-close.js'
import { endStream } from './end-stream.js'
import type { Movable } from './movable.js'

/** How many connections want to know of each of their requests. */
export interface Attention {
  count: number
}

/**
 * When an answer that was under way was first looked at. The connection does not hold the answer: it would keep all that
 * belongs to a request until the next look.
 */
const seenSince = new WeakMap<ServerResponse, number>()

export class Http1Connection implements Connection {
  readonly socket: net.Socket
  readonly #secure: boolean
  readonly #attention: Attention
  #isAttentive = false
  #isGone = false
  readonly #openedAt = performance.now()
  /** Bytes that came before the first request could: those of a TLS handshake. */
  readonly #bytesBefore: number
  /** Answers to pipelined requests: those that had to wait for others, the newest last. */
  readonly #queued = new Set<ServerResponse>()
  #draining = false
  #wasUpgraded = false
  /** Who can move it in the middle of its protocol. */
  movable: Movable | undefined
  /** It was sent to another process, and nobody has said yet that it came: nothing may be done to it here. */
  isAway = false
  /** The keep-alive limit of a connection that came between two requests: Node does not know that it runs. */
  #restLimited = false
  /** Whoever moves this connection waits for its answers to be out. */
  #onAnswered: (() => void) | undefined

  constructor(socket: net.Socket, secure: boolean, attention: Attention) {
    this.socket = socket
    this.#secure = secure
    this.#attention = attention
    this.#attend()
    this.#bytesBefore = secure ? socket.bytesRead : 0
  }

  /** An upgraded connection stays one; a socket that is closed tells nothing any more. */
  get kind(): ConnectionKind {
    this.#wasUpgraded ||= !this.socket.destroyed && isUpgraded(this.socket)
    if (this.#wasUpgraded) return 'upgraded'
    return this.#secure ? 'https' : 'http1'
  }

  /** A request was read as far as its headers. Only connections that are {@link Attention attentive}, and pipelined requests, need it. */
  begin(response: ServerResponse): void {
    const current = answerOn(this.socket)
    if (!tellsAnswers() || (current && current !== response)) this.#queue(response)
    if (this.#restLimited) this.#unlimitRest()
    if (this.#onAnswered) response.once('close', this.#onAnswered)
    else if (this.#draining) this.#sayCloseWith(response)
  }

  look(): boolean {
    const answer = this.#current()
    if (answer !== undefined && !seenSince.has(answer)) seenSince.set(answer, performance.now())
    return answer !== undefined
  }

  forget(): void {
    this.#attend(false)
    this.#isGone = true
  }

  #attend(
    wanted = this.#restLimited || this.#draining || this.#onAnswered !== undefined || !tellsAnswers(),
  ): void {
    if (this.#isGone) return
    if (wanted !== this.#isAttentive) this.#attention.count += wanted ? 1 : -1
    this.#isAttentive = wanted
  }

  inFlight(): number {
    const current = answerOn(this.socket)
    return this.#queued.size + (current && !this.#queued.has(current) ? 1 : 0)
  }

  /** Connected, and not a byte of a request has come. */
  isFresh(): boolean {
    return this.socket.bytesRead === this.#bytesBefore
  }

  holding(): Holding {
    const answering = this.look()
    const answer = this.#current()
    const since = (answer && seenSince.get(answer)) ?? this.#openedAt
    return { kind: this.kind, what: this.#what(answering), ageMs: Math.round(performance.now() - since) }
  }

  /** It has come between two requests: the next one may take as long as the server lets any client rest. */
  limitRest(): void {
    this.#restLimited = true
    this.#attend()
    this.socket.setTimeout(restLimit(this.#server))
  }

  #unlimitRest(): void {
    this.#restLimited = false
    this.#attend()
    this.socket.setTimeout(this.#server?.timeout ?? 0)
  }

  get #server(): Server | undefined {
    return (this.socket as { server?: Server }).server
  }

  /** Whether it is plain: what TLS knows of a connection cannot be moved. */
  get isPlain(): boolean {
    return !this.#secure
  }

  /** Whether a request has come on it, here or in an earlier process. */
  get hasSpoken(): boolean {
    return this.socket.bytesRead > this.#bytesBefore || this.#restLimited
  }

  /** It will be moved: it need not end. `onAnswered` is called after each answer, once Node is done with it. */
  startMoving(onAnswered: () => void): void {
    this.#onAnswered = onAnswered
    this.#attend()
    this.#newest()?.once('close', onAnswered)
  }

  /** It stays. */
  stopMoving(): void {
    this.#onAnswered = undefined
    this.#attend()
  }

  /** Nobody has taken it: it rests here, from now on for as long as its server lets any client rest. */
  comeBack(): void {
    this.isAway = false
    startReading(this.socket)
    if (this.hasSpoken) this.limitRest()
    else this.socket.setTimeout(this.#server?.timeout ?? 0)
  }

  /** Whether nothing but a message boundary is missing for it to be moved. */
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
    this.#attend()
    if (this.movable) {
      this.movable.end()
      return
    }
    const response = this.#newest()
    if (response) this.#sayCloseWith(response)
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

  /** Requests that were pipelined behind this one are answered too: only the last answer says `close`. */
  #sayCloseWith(response: ServerResponse): void {
    answerWithClose(response, () => response === this.#newest())
  }

  #queue(response: ServerResponse): void {
    this.#queued.add(response)
    response.once('close', () => this.#queued.delete(response))
  }

  /** The answer that is under way. */
  #current(): ServerResponse | undefined {
    return answerOn(this.socket) ?? [...this.#queued][0]
  }

  /** The answer to the last request, if it is not out yet. */
  #newest(): ServerResponse | undefined {
    return [...this.#queued].at(-1) ?? answerOn(this.socket)
  }

  #what(answering: boolean): string {
    const { req: request } = this.#newest() ?? {}
    if (answering && request) return requestInWords(request)
    if (this.kind === 'upgraded') return 'an upgraded connection'
    return this.isFresh() ? 'a connection that has not spoken yet' : 'an idle or half-received request'
  }
}

/**
 * How long a connection of this server may be idle, as in Node's _http_server.js. Without a keep-alive timeout, the
 * socket timeout applies. Newer versions of Node add a buffer, so that the client closes first.
 */
function restLimit(server: (Server & { keepAliveTimeoutBuffer?: number }) | undefined): number {
  const { keepAliveTimeout = 0, keepAliveTimeoutBuffer = 0, timeout = 0 } = server ?? {}
  return keepAliveTimeout > 0 ? keepAliveTimeout + keepAliveTimeoutBuffer : timeout
}
