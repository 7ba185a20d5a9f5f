import type { Worker } from './worker.js'

/** A worker that served this long ran well: its replacement starts at once. */
const stableMs = 10_000
const firstBackoffMs = 1_000
const backoffFactor = 1.5
const longestBackoffMs = 30_000

/** The place of one worker. The supervisor fills it again whenever its worker ends. */
export class Slot {
  /** The worker that serves here, or that is starting to. */
  worker: Worker | undefined
  /** Of the last worker that was started here. */
  generation = 0
  timer: NodeJS.Timeout | undefined
  #backoffMs = 0

  /** How long to wait before the next start, in milliseconds. `ended` is the worker that ended, if one could be started. */
  backoffAfter(ended: Worker | undefined): number {
    const { servesSince = Number.POSITIVE_INFINITY } = ended ?? {}
    const ranWell = performance.now() - servesSince >= stableMs
    this.#backoffMs = ranWell
      ? 0
      : Math.min(longestBackoffMs, this.#backoffMs * backoffFactor || firstBackoffMs)
    return this.#backoffMs
  }
}
