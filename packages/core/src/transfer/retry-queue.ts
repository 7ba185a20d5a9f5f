/** Connections that are asked, again and again, whether they are at a boundary now. */
import type { Http1Connection } from '../connections/http1.js'

/** How often one that was not is asked again. */
const askAgainMs = 5

export class Candidates {
  readonly #now = new Set<Http1Connection>()
  readonly #later: Http1Connection[] = []
  readonly #onAgain: () => void
  #timer: NodeJS.Timeout | undefined

  /** `onAgain` is called when there are some to be asked again. */
  constructor(onAgain: () => void) {
    this.#onAgain = onAgain
  }

  /** How many can be asked now. */
  get size(): number {
    return this.#now.size
  }

  add(connection: Http1Connection): void {
    this.#now.add(connection)
  }

  /** Asks each one, as long as there is room. Whoever answers false is asked again in a few milliseconds. */
  ask(hasRoom: () => boolean, isDone: (connection: Http1Connection) => boolean): void {
    for (const connection of this.#now) {
      if (!hasRoom()) return
      this.#now.delete(connection)
      if (!isDone(connection)) this.#askLater(connection)
    }
  }

  stop(): void {
    clearTimeout(this.#timer)
  }

  #askLater(connection: Http1Connection): void {
    this.#later.push(connection)
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined
      for (const each of this.#later.splice(0)) this.#now.add(each)
      this.#onAgain()
    }, askAgainMs)
  }
}
