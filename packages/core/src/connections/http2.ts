import type { ServerHttp2Session, ServerHttp2Stream } from 'node:http2'
import type { ConnectionKind, Holding } from '../base/report.js'
import { pause, withLimit } from '../base/timeouts.js'
import { writeFrame } from '../platform/http2-frames.js'
import type { Connection } from './connection.js'

/**
 * GOAWAY with the largest stream id and no error: it refuses nothing, and asks for no more (RFC 9113, 6.8).
 * Length, type, flags, stream; last stream, error.
 */
const notice = Buffer.from(['000008', '07', '00', '00000000', '7fffffff', '00000000'].join(''), 'hex')
/** A peer that takes longer than this for a round trip is told the last stream all the same. */
const roundTripMs = 1_000
/** How often a session whose output is on its way to the kernel is asked again. */
const lookMs = 5
/** How long a peer may take to hang up where nothing is open any more. */
const hangUpMs = 2_000

export class Http2Connection implements Connection {
  readonly kind: ConnectionKind = 'http2'
  readonly #session: ServerHttp2Session
  readonly #openedAt = performance.now()
  /** Of the socket below, which the session does not show any more when it is closed. */
  readonly #hangUp: () => void
  #streams = 0
  #draining = false

  constructor(session: ServerHttp2Session) {
    this.#session = session
    this.#hangUp = session.socket.destroySoon
  }

  /** The client has opened a stream. */
  begin(stream: ServerHttp2Stream): void {
    this.#streams++
    stream.once('close', () => this.#streams--)
  }

  inFlight(): number {
    return this.#streams
  }

  holding(): Holding {
    const what = this.#streams === 0 ? 'an idle session' : `${this.#streams} open streams`
    return { kind: this.kind, what, ageMs: Math.round(performance.now() - this.#openedAt) }
  }

  /**
   * GOAWAY in two steps: streams that crossed the first are known after a round trip, and served. Over TLS nobody
   * but Node can write between its frames: there is the second one only, which tells the client what it may repeat.
   */
  startDraining(): void {
    if (this.#draining) return
    this.#draining = true
    void withLimit(roundTripMs, (limit) => this.#announce(limit)).then(
      () => this.close(),
      () => this.close(),
    )
  }

  async #announce(limit: AbortSignal): Promise<void> {
    const session = this.#session
    for (;;) {
      if (session.closed || session.destroyed || limit.aborted) return
      const how = writeFrame(session, notice)
      if (how === 'never') return
      if (how === 'written') break
      await pause(lookMs, limit)
    }
    await new Promise<void>((resolve) => {
      limit.addEventListener('abort', () => resolve())
      if (!session.ping(() => resolve())) resolve()
    })
  }

  /** Node says GOAWAY with the last stream that it took, and hangs up after the last open one. */
  close(): void {
    const session = this.#session
    if (session.closed || session.destroyed) return
    session.close()
    // Node waits for the other side to hang up too. What is still to be read there holds it no longer than this.
    if (this.#streams === 0) setTimeout(this.#hangUp, hangUpMs).unref()
  }

  cut(): void {
    this.#session.destroy()
    this.#hangUp()
  }
}
