/** Reloads that signals ask for. None is lost, and those that arrive together are one (docs/decisions/0021). */
import type { Logger } from './logger.js'

/**
 * How long a reload waits for more signals before its successor is started. What arrives in that time has the release
 * that it asks for; what arrives later may be meant for a newer one, and gets a reload of its own.
 */
const burstMs = 50

export class ReloadRequests {
  readonly #start: (signal: string) => void
  readonly #logger: Logger
  #soon: NodeJS.Timeout | undefined
  #isUnderWay = false
  #next: string | undefined

  constructor(start: (signal: string) => void, logger: Logger) {
    this.#start = start
    this.#logger = logger
  }

  request(signal: string, waitMs = burstMs): void {
    if (!this.#isUnderWay) {
      this.#soon ??= setTimeout(() => {
        this.#soon = undefined
        this.#start(signal)
      }, waitMs)
    } else if (this.#next === undefined) {
      this.#next = signal
      this.#logger.info({ signal }, `${signal}: a reload is under way; another one follows it`)
    }
  }

  /** The first successor of a reload is about to be started: it does what was asked for until now. */
  begin(): void {
    this.cancel()
    this.#isUnderWay = true
  }

  /** The reload is over. Returns the signal that asked for another one meanwhile. */
  end(): string | undefined {
    const next = this.#next
    this.#next = undefined
    this.#isUnderWay = false
    return next
  }

  cancel(): void {
    clearTimeout(this.#soon)
    this.#soon = undefined
  }
}
