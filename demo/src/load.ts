// Runs several kinds of clients at once and samples their requests per second.
import {
  keepAlive,
  type LoadResult,
  mixedLoad,
  newConnections,
  RawConnection,
  slowRequests,
  Tally,
  uploads,
} from '@handover/load'

/** The response body of the service: see its `server.mjs`. */
const answer = /^\{"release":"[^"]+","generation":\d+,"pid":\d+\}$/

/** Enough clients of each kind to cover every moment of a deploy, but too few to saturate two cores. */
const clients = Object.freeze({ thinking: 24, saturated: 1, connecting: 2, slow: 5, uploading: 3 })

const all = Object.values(clients).reduce((sum, n) => sum + n, 0)
export const loadDescription =
  `${all} clients: ${clients.thinking} thinking, ${clients.saturated} saturated, ` +
  `${clients.connecting} connecting, ${clients.slow} slow, ${clients.uploading} uploading`

const sampleMs = 250
const keptSamples = 400
/** A service that hangs must not keep the demo waiting. */
const stallMs = 15_000

/** The load in a period of `sampleMs`. */
export interface Sample {
  /** Requests per second. */
  readonly rate: number
  /** One character that marks an event in this period. */
  readonly mark?: string
}

export class Load {
  readonly tally = new Tally()
  /** The latest sample is last. */
  readonly samples: Sample[] = []
  #mark: string | undefined
  readonly #stop = new AbortController()
  readonly #timer: NodeJS.Timeout
  readonly #result: Promise<LoadResult>

  constructor(port: number) {
    this.#timer = setInterval(this.#sampler(), sampleMs)
    this.#result = mixedLoad(
      { port },
      {
        tally: this.tally,
        signal: this.#stop.signal,
        stallMs,
        workloads: [
          keepAlive({ clients: clients.thinking, think: { minMs: 0, maxMs: 400 }, answer }),
          keepAlive({ clients: clients.saturated, answer }),
          newConnections({ clients: clients.connecting, think: { minMs: 0, maxMs: 10 }, answer }),
          slowRequests({ clients: clients.slow, ms: 2_000, answer }),
          uploads({ clients: clients.uploading, bytes: 1024 * 1024, overMs: 1_500 }),
        ],
      },
    )
  }

  /** Marks the next sample. */
  mark(character: string): void {
    this.#mark = character
  }

  /** Starts no more requests and resolves when all requests in flight have ended. */
  stop(): Promise<LoadResult> {
    clearInterval(this.#timer)
    this.#stop.abort()
    return this.#result
  }

  #sampler(): () => void {
    let [before, at] = [0, performance.now()]
    return () => {
      const now = performance.now()
      const rate = Math.round(((this.tally.requests - before) * 1000) / (now - at))
      this.samples.push({ rate, ...(this.#mark && { mark: this.#mark }) })
      if (this.samples.length > keptSamples) this.samples.shift()
      this.#mark = undefined
      before = this.tally.requests
      at = now
    }
  }
}

/** The response to `GET /` on a new connection, or why there is none. */
export async function whoAnswers(port: number): Promise<string> {
  try {
    const connection = await RawConnection.connect({ port }, { stallMs })
    await connection.write('GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n')
    const { text } = await connection.response()
    connection.close()
    return text
  } catch (error) {
    return `nothing: ${(error as Error).message}`
  }
}
