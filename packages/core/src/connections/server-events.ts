/** The events of a server that open connections, and the kind of each connection. */
import type { ServerHttp2Session } from 'node:http2'
import type net from 'node:net'
import type { TLSSocket } from 'node:tls'
import type { Observers } from '../platform/hidden-observers.js'
import { acceptedSocketsOf, parsedSocketsOf } from '../platform/open-sockets.js'
import { isHttp2, isHttps, isPlainHttp, isTls } from '../platform/server-kind.js'
import type { Connection } from './connection.js'
import { Http1Connection, type RequestInterest } from './http1.js'
import { RawConnection } from './raw.js'

type Events = NonNullable<Observers['after']>

export interface ConnectionEvents {
  /** A connection has opened on `socket`. */
  readonly opened: (socket: net.Socket, connection: Connection) => void
  /** A TLS handshake has completed. */
  readonly handshakeDone: (socket: TLSSocket) => void
  /** An HTTP/2 session has opened. */
  readonly session: (session: ServerHttp2Session) => void
}

/** Returns observers for the events of `server`. */
export function connectionEvents(
  server: net.Server,
  interest: RequestInterest,
  { opened, handshakeDone, session }: ConnectionEvents,
): Events {
  if (!isTls(server)) {
    if (isHttp2(server)) return { session }
    return { connection: (socket: net.Socket) => opened(socket, plainConnection(server, socket, interest)) }
  }
  const secured = securedConnection(server, interest)
  const events = {
    // A connection counts from before its handshake.
    connection: (socket: net.Socket) => opened(socket, new RawConnection(socket, 'https')),
    secureConnection(socket: TLSSocket) {
      handshakeDone(socket)
      const connection = secured(socket)
      if (connection) opened(socket, connection)
    },
  }
  return isHttp2(server) ? { ...events, session } : events
}

/** Returns a function that makes the connection of a completed handshake. It returns `undefined` for HTTP/2: the session counts. */
function securedConnection(
  server: net.Server,
  interest: RequestInterest,
): (socket: TLSSocket) => Connection | undefined {
  const https = (socket: TLSSocket) => new Http1Connection(socket, true, interest)
  if (isHttp2(server)) return (socket) => (socket.alpnProtocol === 'h2' ? undefined : https(socket))
  return isHttps(server) ? https : (socket) => new RawConnection(socket)
}

function plainConnection(server: net.Server, socket: net.Socket, interest: RequestInterest): Connection {
  return isPlainHttp(server) ? new Http1Connection(socket, false, interest) : new RawConnection(socket)
}

/** Returns the sockets that `server` accepted before Handover observed it. Such HTTP/2 connections are not tracked. */
export function openSocketsOf(server: net.Server): ReadonlySet<net.Socket> {
  if (isHttp2(server)) return new Set()
  const accepted = isHttps(server) ? [] : acceptedSocketsOf(server)
  return new Set([...parsedSocketsOf(server), ...accepted])
}

/** Makes the connection of one of {@link openSocketsOf}. */
export function openConnection(
  server: net.Server,
  socket: net.Socket,
  interest: RequestInterest,
): Connection {
  return isHttps(server)
    ? new Http1Connection(socket, true, interest)
    : plainConnection(server, socket, interest)
}
