import type { ServerHttp2Session, ServerHttp2Stream } from 'node:http2'
import type { ActiveWork, ConnectionKind } from '../base/report.js'
import { pause, withTimeout } from '../base/timeouts.js'
import { writeFrame } from '../platform/http2-frames.js'
import type { Connection } from './connection.js'

/**
 * GOAWAY with the largest stream id and no error (RFC 9113, 6.8). It asks the client to open no streams, but refuses none.
 * The fields: length, type, flags, stream; last stream, error.
 */
const notice = Buffer.from(['000008', '07', '00', '00000000', '7fffffff', '00000000'].join(''), 'hex')
/** How long the PING round trip may take before the second GOAWAY. */
const roundTripMs = 1_000
/** How often to retry while the kernel has not taken all output of the session. */
const retryMs = 5
/** How long a client may take to close a connection without open streams. */
const hangUpMs = 2_000

export class Http2Connection implements Connection {
  readonly kind: ConnectionKind = 'http2'
  readonly #session: ServerHttp2Session
  readonly #openedAt = performance.now()
  /** Closes the socket below. A closed session does not show its socket. */
  readonly #hangUp: () => void
  #streams = 0
  #isDraining = false

  constructor(session: ServerHttp2Session) {
    this.#session = session
    this.#hangUp = session.socket.destroySoon
  }

  begin(stream: ServerHttp2Stream): void {
    this.#streams++
    stream.once('close', () => this.#streams--)
  }

  inFlight(): number {
    return this.#streams
  }

  activeWork(): ActiveWork {
    const open = `${this.#streams} open ${this.#streams === 1 ? 'stream' : 'streams'}`
    const what = this.#streams === 0 ? 'an idle session' : open
    return { kind: this.kind, what, ageMs: Math.round(performance.now() - this.#openedAt) }
  }

  /**
   * Sends GOAWAY twice. Streams that crossed the first GOAWAY arrive within a round trip, and this server still serves
   * them. Over TLS Handover cannot write frames. There it sends only the second GOAWAY, with the last accepted stream.
   */
  startDraining(): void {
    if (this.#isDraining) return
    this.#isDraining = true
    const announced = withTimeout(roundTripMs, (limit) => this.#announce(limit))
    void announced.catch(() => {}).then(() => this.close())
  }

  async #announce(limit: AbortSignal): Promise<void> {
    const session = this.#session
    for (;;) {
      if (session.closed || session.destroyed || limit.aborted) return
      const how = writeFrame(session, notice)
      if (how === 'never') return
      if (how === 'written') break
      await pause(retryMs, limit)
    }
    await new Promise<void>((resolve) => {
      limit.addEventListener('abort', () => resolve())
      if (!session.ping(() => resolve())) resolve()
    })
  }

  /** Node sends GOAWAY with the id of the last accepted stream, and closes after the last open one. */
  close(): void {
    const session = this.#session
    if (session.closed || session.destroyed) return
    session.close()
    // Node waits until the client closes, too. A client that reads nothing could delay that forever.
    if (this.#streams === 0) setTimeout(this.#hangUp, hangUpMs).unref()
  }

  cut(): void {
    this.#session.destroy()
    this.#hangUp()
  }
}
