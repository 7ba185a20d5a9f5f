import type { Worker } from './worker.js'

/** A worker that served at least this long was stable: its replacement starts at once. */
const stableMs = 10_000
const firstBackoffMs = 1_000
const backoffFactor = 1.5
const maxBackoffMs = 30_000

/** The place of one worker. When that worker exits, the supervisor starts another one in its place. */
export class Slot {
  /** The worker that serves in this slot, or is starting. */
  worker: Worker | undefined
  /** The generation of the last worker that started in this slot. */
  generation = 0
  timer: NodeJS.Timeout | undefined
  #backoffMs = 0

  /** Returns the pause before the next start, in milliseconds. `ended` is absent if no worker could be started. */
  backoffAfter(ended: Worker | undefined): number {
    const { servesSince = Number.POSITIVE_INFINITY } = ended ?? {}
    const wasStable = performance.now() - servesSince >= stableMs
    this.#backoffMs = wasStable
      ? 0
      : Math.min(maxBackoffMs, this.#backoffMs * backoffFactor || firstBackoffMs)
    return this.#backoffMs
  }
}
