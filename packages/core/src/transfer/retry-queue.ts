/** Asks connections whether they are at a boundary, and asks again later if not. */
import type { Http1Connection } from '../connections/http1.js'

/** How long to wait before asking a connection again. */
const retryMs = 5

export class RetryQueue {
  readonly #now = new Set<Http1Connection>()
  readonly #later: Http1Connection[] = []
  readonly #onRetry: () => void
  #timer: NodeJS.Timeout | undefined

  /** Calls `onRetry` when connections are due to be asked again. */
  constructor(onRetry: () => void) {
    this.#onRetry = onRetry
  }

  /** How many connections are due. */
  get size(): number {
    return this.#now.size
  }

  add(connection: Http1Connection): void {
    this.#now.add(connection)
  }

  /** Calls `isDone` for each due connection, as long as there is room. Retries later if it returns `false`. */
  ask(hasRoom: () => boolean, isDone: (connection: Http1Connection) => boolean): void {
    for (const connection of this.#now) {
      if (!hasRoom()) return
      this.#now.delete(connection)
      if (!isDone(connection)) this.#retryLater(connection)
    }
  }

  stop(): void {
    clearTimeout(this.#timer)
  }

  #retryLater(connection: Http1Connection): void {
    this.#later.push(connection)
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined
      for (const each of this.#later.splice(0)) this.#now.add(each)
      this.#onRetry()
    }, retryMs)
  }
}
