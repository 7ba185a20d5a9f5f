/** The events of a server that open connections, and the kind of each connection. */
import type { ServerHttp2Session } from 'node:http2'
import type net from 'node:net'
import type { TLSSocket } from 'node:tls'
import type { Observers } from '../platform/hidden-observers.js'
import { acceptedSocketsOf, parsedSocketsOf } from '../platform/open-sockets.js'
import { isHttp2, isHttps, isPlainHttp, isTls } from '../platform/server-kind.js'
import type { Connection } from './connection.js'
import { Http1Connection } from './http1.js'
import { RawConnection } from './raw.js'
import type { RequestInterest } from './requests.js'

type Events = NonNullable<Observers['after']>

export interface ConnectionEvents {
  readonly opened: (socket: net.Socket, connection: Connection) => void
  readonly handshakeDone: (socket: TLSSocket) => void
  readonly session: (session: ServerHttp2Session) => void
}

export function connectionEvents(
  server: net.Server,
  interest: RequestInterest,
  { opened, handshakeDone, session }: ConnectionEvents,
): Events {
  const open = (socket: net.Socket) => {
    const connection = connectionOn(server, socket, interest)
    if (connection) opened(socket, connection)
  }
  if (!isTls(server)) return isHttp2(server) ? { session } : { connection: open }
  const events = {
    // A connection counts from before its handshake.
    connection: (socket: net.Socket) => opened(socket, new RawConnection(socket, 'https')),
    secureConnection(socket: TLSSocket) {
      handshakeDone(socket)
      open(socket)
    },
  }
  return isHttp2(server) ? { ...events, session } : events
}

/** Returns the sockets that `server` accepted before Handover observed it, except those of HTTP/2 servers. */
export function openSocketsOf(server: net.Server): ReadonlySet<net.Socket> {
  if (isHttp2(server)) return new Set()
  const accepted = isHttps(server) ? [] : acceptedSocketsOf(server)
  return new Set([...parsedSocketsOf(server), ...accepted])
}

/** Makes the connection of a socket, after any TLS handshake. `undefined` for HTTP/2: the session counts instead. */
export function connectionOn(
  server: net.Server,
  socket: net.Socket,
  interest: RequestInterest,
): Connection | undefined {
  if (isHttp2(server) && (socket as TLSSocket).alpnProtocol === 'h2') return undefined
  if (isHttp2(server) || isHttps(server)) return new Http1Connection(socket, true, interest)
  return isPlainHttp(server) ? new Http1Connection(socket, false, interest) : new RawConnection(socket)
}
