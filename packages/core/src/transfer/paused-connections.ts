/** Connections from which this process does not read for a moment, because they may move. Their number is limited. */
import type { Http1Connection } from '../connections/http1.js'
import { startReading, stopReading } from '../platform/socket-handle.js'

const maxPaused = 32

/** The connections that wait to move: what each queue needs of the mover. */
export interface WaitingConnections {
  readonly isWaiting: (connection: Http1Connection) => boolean
  readonly paused: PausedConnections
  /** Called when a queue has something to do. */
  readonly schedule: () => void
}

export class PausedConnections {
  readonly #onClose = new Map<Http1Connection, () => void>()
  readonly #onRoom: () => void

  /** Calls `onRoom` when another connection can be paused. */
  constructor(onRoom: () => void) {
    this.#onRoom = onRoom
  }

  get size(): number {
    return this.#onClose.size
  }

  get hasRoom(): boolean {
    return this.size < maxPaused
  }

  has(connection: Http1Connection): boolean {
    return this.#onClose.has(connection)
  }

  pause(connection: Http1Connection): void {
    if (this.#onClose.has(connection)) return
    const onClose = () => void this.drop(connection)
    this.#onClose.set(connection, onClose)
    connection.socket.once('close', onClose)
    stopReading(connection.socket)
  }

  /** Forgets the connection without resuming it. Returns whether it was paused. */
  drop(connection: Http1Connection): boolean {
    const onClose = this.#onClose.get(connection)
    if (!onClose) return false
    this.#onClose.delete(connection)
    connection.socket.off('close', onClose)
    this.#onRoom()
    return true
  }

  /** Resumes reading: this process serves the connection for now. */
  resume(connection: Http1Connection): void {
    if (this.drop(connection)) startReading(connection.socket)
  }

  /** Resumes all connections, except those that their protocol paused: the protocol resumes them. */
  resumeAll(): void {
    for (const connection of [...this.#onClose.keys()]) if (!connection.movable) this.resume(connection)
  }
}
