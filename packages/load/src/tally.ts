import type { FailureKind, Fault } from './fault.js'
import { Histogram, type Latency } from './histogram.js'

/** The process that sent a response, according to its headers `x-generation` and `x-pid`. */
export interface ServedBy {
  readonly generation: number
  readonly pid: number
}

export interface Failure {
  readonly workload: string
  /** The number of the client within its workload, from 0. */
  readonly client: number
  readonly kind: FailureKind
  readonly detail: string
  /** Milliseconds since the tally was created. */
  readonly atMs: number
  /** The process that sent the last response to this client; `undefined` before the first one. */
  readonly servedBy: ServedBy | undefined
  /** The process that sent the last response on the failed connection; `undefined` before the first one. */
  readonly connection: ServedBy | undefined
}

export interface WorkloadResult {
  readonly requests: number
  readonly failed: number
  readonly latency: Latency
}

export interface LoadResult extends WorkloadResult {
  /** The first 1,000 failures; `failed` counts all of them. */
  readonly failures: readonly Failure[]
  readonly connectionsOpened: number
  readonly closedByAnswer: number
  readonly moved: number
  /** The number of responses by generation. */
  readonly servedBy: ReadonlyMap<number, number>
  readonly workloads: ReadonlyMap<string, WorkloadResult>
}

const KEPT_FAILURES = 1000

/** Counts what clients observe. It is readable while they run, has a bounded size, and several workloads can share it. */
export class Tally {
  /** Requests that got the expected response. */
  requests = 0
  /** All failures, including those that `failures` has no room for. */
  failed = 0
  connectionsOpened = 0
  /** Connections that ended after a response with `Connection: close`. */
  closedByAnswer = 0
  /** How often a response came from another generation than the previous response on its connection. */
  moved = 0
  readonly failures: Failure[] = []
  /** The number of open connections by the generation that sent the last response on them. */
  readonly open = new Map<number, number>()
  readonly servedBy = new Map<number, number>()
  readonly #startedAt = performance.now()
  readonly #latency = new Map<string, Histogram>()
  readonly #failed = new Map<string, number>()

  answered(workload: string, ms: number, by: ServedBy | undefined): void {
    this.requests++
    this.#histogram(workload).record(ms)
    if (by) this.servedBy.set(by.generation, (this.servedBy.get(by.generation) ?? 0) + 1)
  }

  /** Records which process sent the last response on a connection: `undefined` before the first and at the end. */
  lastAnswer(from: ServedBy | undefined, to: ServedBy | undefined): void {
    if (from) this.open.set(from.generation, (this.open.get(from.generation) ?? 0) - 1)
    if (to) this.open.set(to.generation, (this.open.get(to.generation) ?? 0) + 1)
  }

  failure(
    workload: string,
    client: number,
    { kind, message }: Fault,
    servedBy: ServedBy | undefined,
    connection?: ServedBy,
  ): void {
    this.failed++
    this.#failed.set(workload, (this.#failed.get(workload) ?? 0) + 1)
    if (this.failures.length === KEPT_FAILURES) return
    const atMs = Math.round(performance.now() - this.#startedAt)
    this.failures.push({ workload, client, kind, detail: message, atMs, servedBy, connection })
  }

  result(): LoadResult {
    const all = new Histogram()
    for (const histogram of this.#latency.values()) all.merge(histogram)
    const { requests, failed, connectionsOpened, closedByAnswer, moved } = this
    return {
      requests,
      failed,
      connectionsOpened,
      closedByAnswer,
      moved,
      failures: [...this.failures],
      servedBy: new Map(this.servedBy),
      latency: all.latency(),
      workloads: this.#workloads(),
    }
  }

  #workloads(): Map<string, WorkloadResult> {
    const names = new Set([...this.#latency.keys(), ...this.#failed.keys()])
    return new Map(
      [...names].map((name) => {
        const histogram = this.#histogram(name)
        const failed = this.#failed.get(name) ?? 0
        return [name, { requests: histogram.count, failed, latency: histogram.latency() }]
      }),
    )
  }

  #histogram(workload: string): Histogram {
    const known = this.#latency.get(workload)
    if (known) return known
    const histogram = new Histogram()
    this.#latency.set(workload, histogram)
    return histogram
  }
}
