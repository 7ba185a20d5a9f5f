/**
 * HTTP/1.1 connections whose first bytes the program reads itself, as a decoder of the PROXY protocol does. Only this
 * process knows these bytes. In a successor, the decoder would take the next request for them, or the client's address
 * would be that of the proxy (test/handover/proxy-protocol.test.ts). So these connections do not move.
 *
 * An own `remoteAddress` property of the socket is no evidence: programs also set it from a header of each request.
 */
import type http from 'node:http'
import type net from 'node:net'
import { httpServerOf, isHttpStarted } from '../platform/socket-handle.js'
import type { Connection } from './connection.js'
import { Http1Connection } from './http1.js'
import { RawConnection } from './raw.js'

type Open = ReadonlyMap<Connection, net.Server>

export class DecodedConnections {
  readonly #open: Open
  readonly #startedLate = new WeakSet<net.Socket>()
  readonly #reported = new WeakSet<net.Server>()
  /** Called for the first such connection of each server. */
  onFirst: (socket: net.Socket) => void = () => {}

  constructor(open: Open) {
    this.#open = open
  }

  /** Called for each accepted connection. Node starts HTTP at once, unless the program has replaced its listener. */
  accepted(connection: Connection): void {
    if (!(connection instanceof Http1Connection) || connection.isSecure) return
    const { socket } = connection
    if (!isHttpStarted(socket) || socket.bytesRead > 0) this.#startedLate.add(socket)
  }

  /** A connection without any bytes can move: the program reads its first bytes in the successor. */
  has(connection: Http1Connection): boolean {
    const { socket } = connection
    const server = this.#open.get(connection)
    if (!server || !(socket.bytesRead > 0)) return false
    if (!this.#startedLate.has(socket) && !isFromOther(server, socket)) return false
    if (!this.#reported.has(server)) {
      this.#reported.add(server)
      this.onFirst(socket)
    }
    return true
  }
}

/** Whether `server` accepted the connection and passed it to another server, which serves HTTP on it. */
function isFromOther(server: net.Server, socket: net.Socket): boolean {
  const http = httpServerOf(socket)
  return http !== undefined && http !== server
}

/** The sockets that a server of another protocol accepted and passed to an HTTP server, with that server. */
export function* passedToHttp(open: Open): Generator<readonly [net.Socket, http.Server]> {
  for (const connection of open.keys()) {
    const server = connection instanceof RawConnection && httpServerOf(connection.socket)
    if (server) yield [connection.socket, server]
  }
}
