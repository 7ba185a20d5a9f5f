/**
 * Connections from which this process has not read yet. It reads and answers a request that waits in the kernel. If
 * several generations drain at once, only the last of them would otherwise read it.
 */
import type { Http1Connection } from '../connections/http1.js'

export class FirstReads {
  readonly #new: Http1Connection[] = []
  readonly #onRead: (connection: Http1Connection) => void

  /** Calls `onRead` when everything that has arrived by now has been read. */
  constructor(onRead: (connection: Http1Connection) => void) {
    this.#onRead = onRead
  }

  add(connection: Http1Connection): void {
    if (this.#new.push(connection) > 1) return
    // This turn of the event loop does not read from the connection any more. The next one does.
    setImmediate(() => {
      const readNext = this.#new.splice(0)
      setImmediate(() => {
        for (const each of readNext) this.#onRead(each)
      })
    })
  }
}
