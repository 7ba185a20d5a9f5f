/**
 * Connections in the middle of a request that already has its response, such as an upload that was answered early. Node
 * emits no event when the rest of it has arrived, so this polls how many bytes each connection has read.
 */
import type { Http1Connection } from '../connections/http1.js'

/** By how much this may delay a drain. */
const pollMs = 20

export class PartialRequests {
  /** How many bytes each connection had read. */
  readonly #bytesRead = new Map<Http1Connection, number>()
  readonly #onMore: (connection: Http1Connection) => void
  #timer: NodeJS.Timeout | undefined

  /** Calls `onMore` once for a connection that has read more. */
  constructor(onMore: (connection: Http1Connection) => void) {
    this.#onMore = onMore
  }

  add(connection: Http1Connection): void {
    this.#bytesRead.set(connection, connection.socket.bytesRead)
    this.#timer ??= setInterval(() => this.#poll(), pollMs)
  }

  stop(): void {
    clearInterval(this.#timer)
    this.#timer = undefined
  }

  #poll(): void {
    for (const [connection, before] of this.#bytesRead) {
      const { destroyed, bytesRead } = connection.socket
      if (!destroyed && bytesRead === before) continue
      this.#bytesRead.delete(connection)
      if (!destroyed) this.#onMore(connection)
    }
    if (this.#bytesRead.size === 0) this.stop()
  }
}
