/** Connections from which this process does not read for a moment, because they may move. Their number is limited. */

import type { Http1Connection } from '../connections/http1.js'
import { startReading, stopReading } from '../platform/socket-handle.js'

const maxPaused = 32

export class PausedConnections {
  readonly #whenGone = new Map<Http1Connection, () => void>()
  readonly #onRoom: () => void

  /** Calls `onRoom` when there is room for another one. */
  constructor(onRoom: () => void) {
    this.#onRoom = onRoom
  }

  get size(): number {
    return this.#whenGone.size
  }

  get hasRoom(): boolean {
    return this.size < maxPaused
  }

  pause(connection: Http1Connection): void {
    if (this.#whenGone.has(connection)) return
    const gone = () => void this.drop(connection)
    this.#whenGone.set(connection, gone)
    connection.socket.once('close', gone)
    stopReading(connection.socket)
  }

  /** Forgets the connection without reading from it again. Returns whether it was paused. */
  drop(connection: Http1Connection): boolean {
    const gone = this.#whenGone.get(connection)
    if (!gone) return false
    this.#whenGone.delete(connection)
    connection.socket.off('close', gone)
    this.#onRoom()
    return true
  }

  /** Reads from the connection again: this process serves it for now. */
  resume(connection: Http1Connection): void {
    if (this.drop(connection)) startReading(connection.socket)
  }

  /** Reads again from all, except from those that their protocol paused: it decides when. */
  resumeAll(): void {
    for (const connection of [...this.#whenGone.keys()]) if (!connection.movable) this.resume(connection)
  }
}
