/** Connections that are not read from for a moment, because they may go to the successor: only so many at a time. */

import type { Http1Connection } from '../connections/http1.js'
import { startReading, stopReading } from '../platform/socket-handle.js'

const most = 32

export class Held {
  readonly #whenGone = new Map<Http1Connection, () => void>()
  readonly #onRoom: () => void

  /** `onRoom` is called when there is room for another one. */
  constructor(onRoom: () => void) {
    this.#onRoom = onRoom
  }

  get size(): number {
    return this.#whenGone.size
  }

  get hasRoom(): boolean {
    return this.size < most
  }

  hold(connection: Http1Connection): void {
    if (this.#whenGone.has(connection)) return
    const gone = () => void this.letGo(connection)
    this.#whenGone.set(connection, gone)
    connection.socket.once('close', gone)
    stopReading(connection.socket)
  }

  /** Returns whether it was held. Whether it is read from again is another's affair. */
  letGo(connection: Http1Connection): boolean {
    const gone = this.#whenGone.get(connection)
    if (!gone) return false
    this.#whenGone.delete(connection)
    connection.socket.off('close', gone)
    this.#onRoom()
    return true
  }

  /** It is served here for now. */
  readOn(connection: Http1Connection): void {
    if (this.letGo(connection)) startReading(connection.socket)
  }
}
