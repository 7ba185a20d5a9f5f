/**
 * Connections that this process has not read from yet. A request that waits in the kernel is answered here: where
 * several generations drain at once, nobody would read it before the last of them.
 */
import type { Http1Connection } from '../connections/http1.js'

export class Unread {
  readonly #new: Http1Connection[] = []
  readonly #onRead: (connection: Http1Connection) => void

  /** `onRead` is called when what had come by then has been read. */
  constructor(onRead: (connection: Http1Connection) => void) {
    this.#onRead = onRead
  }

  add(connection: Http1Connection): void {
    if (this.#new.push(connection) > 1) return
    // This turn of the event loop does not read from it any more; the next one does.
    setImmediate(() => {
      const readNext = this.#new.splice(0)
      setImmediate(() => {
        for (const each of readNext) this.#onRead(each)
      })
    })
  }
}
