/**
 * How long requests have been under way, which people want to know of those that take long. To note it at each request
 * would cost as much as all else that is done for one: every connection has memory of its own, which no cache holds. So
 * it is looked at again and again, while anything is under way: an age is that much too short, at most.
 */

import type { Connection } from './connection.js'

/** How often, at most; less often where there are very many connections, so that it takes a thousandth of the time. */
const lookMs = 100
const lookMsPerConnection = 0.1

export class AgeWatch {
  readonly #connections: ReadonlyMap<Connection, unknown>
  #isWatching = false

  constructor(connections: ReadonlyMap<Connection, unknown>) {
    this.#connections = connections
  }

  /** A request has come. No timer runs while none does. */
  start(): void {
    if (this.#isWatching) return
    this.#isWatching = true
    setTimeout(
      () => {
        this.#isWatching = false
        if (this.#look()) this.start()
      },
      Math.max(lookMs, this.#connections.size * lookMsPerConnection),
    ).unref()
  }

  /** Returns whether anything is under way. */
  #look(): boolean {
    let isBusy = false
    for (const connection of this.#connections.keys()) if (connection.look?.()) isBusy = true
    return isBusy
  }
}
