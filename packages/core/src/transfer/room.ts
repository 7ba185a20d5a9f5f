/** Whether the receiver of connections can take more: it may be short of file descriptors. */

/** How often to ask a receiver that is short of descriptors whether it can take more. */
const askMs = 200

export class Room {
  readonly #refused = new Set<object>()
  readonly #onFirst: () => void
  readonly #ask: () => void
  #timer: NodeJS.Timeout | undefined
  #isOpen = true
  #hasReported = false
  #isStopped = false

  /** Calls `onFirst` when the receiver is short for the first time, and `ask` to ask it whether it still is. */
  constructor(onFirst: () => void, ask: () => void) {
    this.#onFirst = onFirst
    this.#ask = ask
  }

  get isOpen(): boolean {
    return this.#isOpen
  }

  /** How many connections it could not take. */
  get refused(): number {
    return this.#refused.size
  }

  /** The receiver takes no more for now. `waiting`: connections that would have moved. */
  close(waiting: readonly object[]): void {
    for (const each of waiting) this.#refused.add(each)
    this.#isOpen = false
    if (!this.#hasReported && this.#refused.size > 0) {
      this.#hasReported = true
      this.#onFirst()
    }
    if (this.#isStopped) return
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined
      this.#ask()
    }, askMs)
  }

  open(): void {
    this.#isOpen = true
  }

  took(connection: object): void {
    this.#refused.delete(connection)
  }

  stop(): void {
    this.#isStopped = true
    clearTimeout(this.#timer)
  }
}
