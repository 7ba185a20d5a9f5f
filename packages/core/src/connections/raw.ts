import type net from 'node:net'
import type { ActiveWork, ConnectionKind } from '../base/report.js'
import type { Connection } from './connection.js'

/**
 * A connection with a protocol of the application, or a TLS handshake in progress. Only the application knows when such
 * a connection is idle, so a drain waits for it until `drainTimeoutMs`.
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

  activeWork(): ActiveWork {
    const { remoteAddress, remotePort } = this.socket
    const peer = remoteAddress ? `${remoteAddress}:${remotePort}` : 'a local client'
    const what = this.kind === 'raw' ? `a connection from ${peer}` : `a TLS handshake with ${peer}`
    return { kind: this.kind, what, ageMs: Math.round(performance.now() - this.#openedAt) }
  }

  /** Safe to close: the TLS handshake has not started. */
  isUnused(): boolean {
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
