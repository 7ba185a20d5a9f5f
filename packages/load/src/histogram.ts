export interface Latency {
  readonly p50: number
  readonly p99: number
  readonly max: number
}

const FLOOR_MS = 0.01
const CEILING_MS = 600_000
const GROWTH = Math.log(1.02)
const BUCKETS = Math.ceil(Math.log(CEILING_MS / FLOOR_MS) / GROWTH) + 1

/** Counts durations in a fixed number of buckets, each 2 % wider than the previous one. */
export class Histogram {
  readonly #buckets = new Uint32Array(BUCKETS)
  #count = 0
  #max = 0

  record(ms: number): void {
    const bucket = Math.floor(Math.log(Math.max(ms, FLOOR_MS) / FLOOR_MS) / GROWTH)
    this.#add(Math.min(bucket, BUCKETS - 1), 1)
    this.#max = Math.max(this.#max, ms)
  }

  merge(other: Histogram): void {
    other.#buckets.forEach((count, bucket) => {
      this.#add(bucket, count)
    })
    this.#max = Math.max(this.#max, other.#max)
  }

  get count(): number {
    return this.#count
  }

  /** In milliseconds; all values are 0 if nothing was recorded. */
  latency(): Latency {
    return { p50: this.percentile(0.5), p99: this.percentile(0.99), max: this.#max }
  }

  /** The duration that this share of all durations does not exceed, in milliseconds. */
  percentile(share: number): number {
    let left = Math.ceil(this.#count * share)
    if (left === 0) return 0
    if (left === this.#count) return this.#max
    const bucket = this.#buckets.findIndex((count) => {
      left -= count
      return left <= 0
    })
    return Math.min(FLOOR_MS * Math.exp(GROWTH * (bucket + 1)), this.#max)
  }

  #add(bucket: number, count: number): void {
    this.#buckets[bucket] = (this.#buckets[bucket] ?? 0) + count
    this.#count += count
  }
}
