/** Waits for the steps of a successor. Each wait ends with the step, at its time limit, or when the successor fails. */
import type { HandoverError } from '../base/errors.js'
import { nextTurn, TimeoutError, unlessAborted, withTimeout } from '../base/timeouts.js'

/** How many turns of the event loop read pending messages after a time limit. */
const lateTurns = 3

export class Waits {
  /** Aborts with the reason when the successor can no longer take over. */
  readonly #failure = new AbortController()

  get hasFailed(): boolean {
    return this.#failure.signal.aborted
  }

  /** Makes all waits reject with `reason`. The first reason counts. */
  fail(reason: HandoverError): void {
    this.#failure.abort(reason)
  }

  throwIfFailed(): void {
    this.#failure.signal.throwIfAborted()
  }

  /** Settles as `promise` does. Rejects if the successor fails or `limit` aborts first. */
  until<T>(promise: Promise<T>, limit: AbortSignal): Promise<T> {
    return unlessAborted(promise, AbortSignal.any([this.#failure.signal, limit]))
  }

  /** Resolves to `true` if `promise` takes longer than `ms`. Rejects if the successor fails first. */
  async isLate(ms: number, promise: Promise<unknown>): Promise<boolean> {
    try {
      await withTimeout(ms, (limit) => this.until(promise, limit))
      return false
    } catch (error) {
      if (!(error instanceof TimeoutError)) throw error
    }
    // This process may have been suspended, so it reads pending messages before the limit counts.
    for (let turns = 0; turns < lateTurns; turns++) await nextTurn()
    this.throwIfFailed()
    return !(await Promise.race([promise.then(() => true), nextTurn().then(() => false)]))
  }
}
