// A client on Node's http2 that follows RFC 9113. After a GOAWAY it starts no new request on that connection.
// It repeats requests above the last stream, which the server did not process, on another connection.
import { once } from 'node:events'
import http2, { type ClientHttp2Session, type ClientHttp2Stream } from 'node:http2'
import { pattern, type TcpTarget } from '@handover/load'

export interface Http2Load {
  readonly answered: number
  /** Requests that the server did not process, according to a GOAWAY or because the client never sent them. */
  readonly repeated: number
  /** The errors of all other requests without a correct response. */
  readonly failures: readonly string[]
  readonly sessions: number
  /** The generations that answered. */
  readonly servedBy: ReadonlySet<number>
}

export interface Http2ClientOptions {
  readonly tls?: boolean
  /** Each request downloads this many bytes of the pattern. */
  readonly bytes?: number
}

/** Runs one session at a time with `streams` concurrent requests until `over` aborts. */
export class Http2Client implements Http2Load {
  answered = 0
  repeated = 0
  sessions = 0
  readonly failures: string[] = []
  readonly servedBy = new Set<number>()
  readonly #url: string
  readonly #bytes: number | undefined
  #session: ClientHttp2Session | undefined
  readonly #lastStreams = new WeakMap<ClientHttp2Session, number>()

  constructor({ host = '127.0.0.1', port }: TcpTarget, options: Http2ClientOptions = {}) {
    this.#bytes = options.bytes
    this.#url = `${options.tls ? 'https' : 'http'}://${host}:${port}`
  }

  async run(streams: number, over: AbortSignal): Promise<void> {
    const one = async () => {
      while (!over.aborted) await this.#request()
    }
    await Promise.all(Array.from({ length: streams }, one))
    this.#session?.close()
  }

  async #request(): Promise<void> {
    const session = await this.#current()
    let stream: ClientHttp2Stream
    try {
      stream = session.request({ ':path': this.#bytes ? `/download?bytes=${this.#bytes}` : '/' })
    } catch (error) {
      this.failures.push(`not started: ${error}`)
      return
    }
    try {
      const [headers] = await once(stream, 'response')
      const chunks: Buffer[] = []
      for await (const chunk of stream) chunks.push(chunk)
      if (headers[':status'] !== 200 || !this.#isRight(Buffer.concat(chunks)))
        throw new Error(`status ${headers[':status']}, or a wrong body`)
      this.servedBy.add(Number(headers['x-generation']))
      this.answered++
    } catch (error) {
      const lastStream = this.#lastStreams.get(session) ?? Number.POSITIVE_INFINITY
      // Node's client refuses requests that it has not sent when a GOAWAY arrives (see test/support/http2-watch.ts).
      const refused = stream.rstCode === http2.constants.NGHTTP2_REFUSED_STREAM
      if (refused || (stream.id !== undefined && stream.id > lastStream)) this.repeated++
      else
        this.failures.push(`stream ${stream.id} failed (last stream of the GOAWAY: ${lastStream}): ${error}`)
    }
  }

  #isRight(body: Buffer): boolean {
    if (this.#bytes === undefined) return String(body) === 'ok'
    return body.equals(Buffer.concat([...pattern(this.#bytes)]))
  }

  async #current(): Promise<ClientHttp2Session> {
    if (this.#session && !this.#session.closed && !this.#session.destroyed) return this.#session
    const session = http2.connect(this.#url, { rejectUnauthorized: false })
    this.#session = session
    this.sessions++
    session.on('goaway', (_code, lastStream: number) => this.#lastStreams.set(session, lastStream))
    session.on('error', (error) => this.failures.push(`session: ${error}`))
    await once(session, 'connect')
    return session
  }
}
