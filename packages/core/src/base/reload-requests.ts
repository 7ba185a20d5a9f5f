/** Reloads requested by signals: those that arrive together start one reload, and none is lost (docs/decisions/0021). */
import type { Logger } from './logger.js'

/**
 * How long a reload waits for more signals before its successor starts. A later signal may request a newer release, so
 * it starts another reload.
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
      this.#logger.info({ signal }, `${signal}: a reload is in progress; starting another one when it ends`)
    }
  }

  /** The first successor of a reload is about to start. This reload satisfies all requests until now. */
  begin(): void {
    this.cancel()
    this.#isUnderWay = true
  }

  /** The reload has ended. Returns the signal that requested another one in the meantime. */
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
