/** Moves connections in the middle of their protocol: asks each protocol for a boundary, and passes on its answer. */
import type { Http1Connection } from '../connections/http1.js'
import type { MovableConnection, OutgoingTransfer } from '../connections/movable.js'
import { v8 } from '../platform/lazy-modules.js'
import type { PausedConnections } from './paused-connections.js'
import { RetryQueue } from './retry-queue.js'
import type { ProtocolState } from './transit.js'

export interface OutgoingProtocolParts {
  /** Whether the connection still waits to move. */
  readonly isWaiting: (connection: Http1Connection) => boolean
  readonly paused: PausedConnections
  /** Sends the connection. Returns its id; `undefined` if it cannot move. */
  readonly send: (connection: Http1Connection, state: ProtocolState) => number | undefined
  /** Sends `data` for a connection that has left. */
  readonly sendFollowUp: (id: number, data: unknown) => void
  /** The connection cannot move. */
  readonly keep: (connection: Http1Connection) => void
  /** The protocol failed to prepare the connection. */
  readonly failed: (protocol: string, error: unknown) => void
  /** Called when there is something to do. */
  readonly onWork: () => void
}

export class OutgoingProtocol {
  readonly #parts: OutgoingProtocolParts
  readonly #toPrepare: RetryQueue

  constructor(parts: OutgoingProtocolParts) {
    this.#parts = parts
    this.#toPrepare = new RetryQueue(parts.onWork)
  }

  /** Whether connections can be prepared now. */
  get hasToPrepare(): boolean {
    return this.#toPrepare.size > 0 && this.#parts.paused.hasRoom
  }

  add(connection: Http1Connection): void {
    this.#toPrepare.add(connection)
    this.#parts.onWork()
  }

  /** Lets protocols bring their connections to a boundary, as long as there is room. */
  prepare(hasRoom: () => boolean): void {
    const { paused } = this.#parts
    this.#toPrepare.ask(
      () => hasRoom() && paused.hasRoom,
      (connection) => this.#prepare(connection),
    )
  }

  stop(): void {
    this.#toPrepare.stop()
  }

  /** Returns whether the protocol has answered, or will. */
  #prepare(connection: Http1Connection): boolean {
    const { movable } = connection
    if (!movable || connection.socket.destroyed || !this.#parts.isWaiting(connection)) return true
    return movable.prepare(this.#transferOf(connection, movable))
  }

  #transferOf(connection: Http1Connection, { protocol }: MovableConnection): OutgoingTransfer {
    const { paused, send, sendFollowUp, keep, failed } = this.#parts
    const cancel = (error?: unknown) => {
      if (error !== undefined) failed(protocol, error)
      keep(connection)
    }
    return {
      pause: () => paused.pause(connection),
      send: (state) => {
        let id: number | undefined
        try {
          id = send(connection, { protocol, state: v8().serialize(state) })
        } catch (error) {
          cancel(error)
        }
        return { send: (data) => id !== undefined && sendFollowUp(id, data) }
      },
      cancel,
    }
  }
}
