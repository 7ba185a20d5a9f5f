/** Moves connections in the middle of their protocol. The protocol brings each connection to a boundary. */
import type { Http1Connection } from '../connections/http1.js'
import type { MovableConnection, OutgoingTransfer } from '../connections/movable.js'
import { v8 } from '../platform/lazy-modules.js'
import type { WaitingConnections } from './paused-connections.js'
import type { ProtocolState } from './transit.js'

/** How long to wait before preparing a connection again that was not at a boundary. */
const retryMs = 5

export interface ProtocolParts {
  readonly sendFollowUp: (id: number, data: unknown) => void
  readonly keep: (connection: Http1Connection) => void
  /** The protocol failed to prepare a connection. */
  readonly onFailed: (protocol: string, error: unknown) => void
}

export interface OutgoingProtocolParts extends ProtocolParts, WaitingConnections {
  /** Sends the connection. Returns its id; `undefined` if it cannot move. */
  readonly send: (connection: Http1Connection, state: ProtocolState) => number | undefined
}

export class OutgoingProtocol {
  readonly #parts: OutgoingProtocolParts
  readonly #toPrepare = new Set<Http1Connection>()

  constructor(parts: OutgoingProtocolParts) {
    this.#parts = parts
  }

  /** Whether connections can be prepared now. */
  get hasToPrepare(): boolean {
    return this.#toPrepare.size > 0 && this.#parts.paused.hasRoom
  }

  add(connection: Http1Connection): void {
    this.#toPrepare.add(connection)
    this.#parts.schedule()
  }

  /** Lets protocols bring their connections to a boundary, as long as there is room. */
  prepare(hasRoom: () => boolean): void {
    for (const connection of this.#toPrepare) {
      if (!hasRoom() || !this.#parts.paused.hasRoom) return
      this.#toPrepare.delete(connection)
      if (!this.#prepare(connection)) setTimeout(() => this.add(connection), retryMs)
    }
  }

  /** Returns `false` to prepare the connection again later. */
  #prepare(connection: Http1Connection): boolean {
    const { movable } = connection
    if (!movable || connection.socket.destroyed || !this.#parts.isWaiting(connection)) return true
    return movable.prepare(this.#transferOf(connection, movable))
  }

  #transferOf(connection: Http1Connection, { protocol }: MovableConnection): OutgoingTransfer {
    const { paused, send, sendFollowUp, keep, onFailed } = this.#parts
    const cancel = (error?: unknown) => {
      if (error !== undefined) onFailed(protocol, error)
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
