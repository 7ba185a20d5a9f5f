/** Waits for the steps of a successor: each wait ends with the step, at a limit, or when the successor fails. */
import type { HandoverError } from '../base/errors.js'
import { nextTurn, TimeoutError, unlessAborted, withTimeout } from '../base/timeouts.js'

/** How many turns of the event loop read pending messages after a limit was reached. */
const lateTurns = 3

export class Waits {
  /** Aborts with the reason when the successor can no longer become the service. */
  readonly #failure = new AbortController()

  get hasFailed(): boolean {
    return this.#failure.signal.aborted
  }

  /** All waits reject with `reason`. The first reason counts. */
  fail(reason: HandoverError): void {
    this.#failure.abort(reason)
  }

  throwIfFailed(): void {
    this.#failure.signal.throwIfAborted()
  }

  /** Rejects when the successor fails, or `limit` aborts. */
  until<T>(promise: Promise<T>, limit: AbortSignal): Promise<T> {
    return unlessAborted(promise, AbortSignal.any([this.#failure.signal, limit]))
  }

  /** Resolves with whether `promise` takes longer than `ms`. Rejects when the successor fails. */
  async isLate(ms: number, promise: Promise<unknown>): Promise<boolean> {
    const settled = () => withTimeout(ms, (limit) => this.until(promise, limit))
    try {
      await settled()
      return false
    } catch (error) {
      if (!(error instanceof TimeoutError)) throw error
    }
    // This process itself may have been stopped: it reads pending messages before the limit counts.
    for (let turns = 0; turns < lateTurns; turns++) await nextTurn()
    this.throwIfFailed()
    return !(await Promise.race([promise.then(() => true), nextTurn().then(() => false)]))
  }
}
