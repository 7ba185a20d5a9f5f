/** Clients that send requests during a measurement and record the slowest response. */
import { keepAlive, type LoadResult, newConnections, type ServedBy, Tally } from '@handover/load'

const clients = { keepAlive: 8, newConnections: 2 }
const think = { minMs: 0, maxMs: 20 }
/** The shortest run without a reload, so that it has enough responses. */
const shortestMs = 1_000

export const describeProbes =
  `${clients.keepAlive} keep-alive clients and ${clients.newConnections} clients with a new connection for each request ` +
  `send requests meanwhile, and pause ${think.minMs} to ${think.maxMs} ms after each response`

class Slowest extends Tally {
  ms = 0
  override answered(workload: string, ms: number, by: ServedBy | undefined): void {
    super.answered(workload, ms, by)
    this.ms = Math.max(this.ms, ms)
  }
}

export class Probes {
  readonly #tally = new Slowest()
  readonly #over = new AbortController()
  readonly #clients: Promise<LoadResult[]>

  constructor(port: number) {
    const options = { tally: this.#tally, signal: this.#over.signal, maxMs: 600_000 }
    this.#clients = Promise.all([
      keepAlive({ clients: clients.keepAlive, think })({ port }, options),
      newConnections({ clients: clients.newConnections, think })({ port }, options),
    ])
  }

  /** The slowest response without a reload, after a moment to warm up. */
  async quiet(): Promise<number> {
    await pause(shortestMs)
    return this.during(() => pause(shortestMs)).then(({ slowestMs }) => slowestMs)
  }

  /** Resolves with the duration and the slowest response meanwhile. */
  async during(run: () => Promise<unknown>): Promise<{ ms: number; slowestMs: number }> {
    this.#tally.ms = 0
    const startedAt = performance.now()
    await run()
    return { ms: performance.now() - startedAt, slowestMs: this.#tally.ms }
  }

  /** Rejects if a request failed. */
  async stop(): Promise<void> {
    this.#over.abort()
    await this.#clients
    const [failure] = this.#tally.failures
    if (failure) throw new Error(`a request failed: ${JSON.stringify(failure)}`)
  }
}

export const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))
