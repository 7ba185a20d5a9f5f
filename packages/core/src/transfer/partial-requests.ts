/**
 * Connections in the middle of a message to which no answer will come: an upload that was answered before all of it
 * had been read. Nobody tells when the rest has come; they are looked at again when anything has.
 */
import type { Http1Connection } from '../connections/http1.js'

/** What a drain may take longer for them. */
const lookMs = 20

export class Unfinished {
  /** What each of them had read. */
  readonly #bytesRead = new Map<Http1Connection, number>()
  readonly #onMore: (connection: Http1Connection) => void
  #timer: NodeJS.Timeout | undefined

  /** `onMore` is called for one that has read more. */
  constructor(onMore: (connection: Http1Connection) => void) {
    this.#onMore = onMore
  }

  add(connection: Http1Connection): void {
    this.#bytesRead.set(connection, connection.socket.bytesRead)
    this.#timer ??= setInterval(() => this.#look(), lookMs)
  }

  stop(): void {
    clearInterval(this.#timer)
    this.#timer = undefined
  }

  #look(): void {
    for (const [connection, before] of this.#bytesRead) {
      const { destroyed, bytesRead } = connection.socket
      if (!destroyed && bytesRead === before) continue
      this.#bytesRead.delete(connection)
      if (!destroyed) this.#onMore(connection)
    }
    if (this.#bytesRead.size === 0) this.stop()
  }
}
