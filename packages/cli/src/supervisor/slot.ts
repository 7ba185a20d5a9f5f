import type { Worker } from './worker.js'

/** A worker that was in charge for so long ran well: the next one starts at once. */
const wellMs = 10_000
const firstPauseMs = 1_000
const pauseFactor = 1.5
const longestPauseMs = 30_000

/** A place that is never empty for long. */
export class Slot {
  /** The service, or who comes up to be it. */
  worker: Worker | undefined
  /** Of the last worker that was started here. */
  generation = 0
  timer: NodeJS.Timeout | undefined
  #pauseMs = 0

  /** How long to wait, in milliseconds, until another worker is started; `before` was there, if one could be started. */
  pauseAfter(before: Worker | undefined): number {
    const { servesSince = Number.POSITIVE_INFINITY } = before ?? {}
    const ranWell = performance.now() - servesSince >= wellMs
    this.#pauseMs = ranWell ? 0 : Math.min(longestPauseMs, this.#pauseMs * pauseFactor || firstPauseMs)
    return this.#pauseMs
  }
}
