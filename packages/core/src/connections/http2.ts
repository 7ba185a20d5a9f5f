import type { ServerHttp2Session } from 'node:http2'
import type { ConnectionKind, Holding } from '../report.js'
import type { Connection } from './connection.js'

/** The largest stream id: a first GOAWAY with it refuses nothing, and asks for no more (RFC 9113, 6.8). */
const largestStreamId = 2 ** 31 - 1

export class Http2Connection implements Connection {
  readonly kind: ConnectionKind = 'http2'
  readonly #session: ServerHttp2Session
  readonly #openedAt = performance.now()
  #streams = 0

  constructor(session: ServerHttp2Session) {
    this.#session = session
    session.on('stream', (stream) => {
      this.#streams++
      stream.once('close', () => this.#streams--)
    })
  }

  inFlight(): number {
    return this.#streams
  }

  holding(): Holding {
    const what = this.#streams === 0 ? 'an idle session' : `${this.#streams} open streams`
    return { kind: this.kind, what, ageMs: Math.round(performance.now() - this.#openedAt) }
  }

  /** GOAWAY in two steps: streams that crossed the first one are known after a round trip, and served. */
  startDraining(): void {
    const session = this.#session
    if (session.closed || session.destroyed) return
    session.goaway(0, largestStreamId)
    const finish = () => {
      if (session.destroyed) return
      session.goaway()
      session.close()
    }
    if (!session.ping(finish)) finish()
  }

  close(): void {
    if (!this.#session.destroyed) this.#session.close()
  }

  cut(): void {
    this.#session.destroy()
  }
}
