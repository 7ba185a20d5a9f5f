import type net from 'node:net'
import type { ConnectionKind, Holding } from '../base/report.js'
import type { Connection } from './connection.js'

/**
 * A connection whose protocol is the application's own, or a TLS handshake that is not over yet. Nobody but
 * the application knows when it is idle: it is waited for until the limit.
 */
export class RawConnection implements Connection {
  readonly kind: ConnectionKind
  readonly socket: net.Socket
  readonly #openedAt = performance.now()

  constructor(socket: net.Socket, kind: ConnectionKind = 'raw') {
    this.socket = socket
    this.kind = kind
  }

  inFlight(): number {
    return 0
  }

  holding(): Holding {
    const peer = this.socket.remoteAddress
      ? `${this.socket.remoteAddress}:${this.socket.remotePort}`
      : 'a local peer'
    const what = this.kind === 'raw' ? `a connection of ${peer}` : `a TLS handshake with ${peer}`
    return { kind: this.kind, what, ageMs: Math.round(performance.now() - this.#openedAt) }
  }

  /** A client that has not begun its handshake has not been promised anything. */
  isFresh(): boolean {
    return this.kind !== 'raw' && this.socket.bytesRead === 0
  }

  startDraining(): void {}

  close(): void {
    this.socket.destroySoon()
  }

  cut(): void {
    this.socket.destroy()
  }
}
