import { once } from 'node:events'
import tls from 'node:tls'
import type { TcpTarget } from '@handover/load'
import { get } from './http.js'

export type TlsVersion = 'TLSv1.2' | 'TLSv1.3'

/** One request on its own TLS connection. */
export interface TlsVisit {
  /** Whether the server resumed the session that the client offered. */
  readonly resumed: boolean
  /** The session to offer next time. */
  readonly session: Buffer
  /** The process that answered. */
  readonly pid: number
}

/** Asks which process serves. The client supports only this TLS version and may offer a session to resume. */
export async function visit(
  { host = '127.0.0.1', port }: TcpTarget,
  version: TlsVersion,
  session?: Buffer,
): Promise<TlsVisit> {
  const options = { host, port, rejectUnauthorized: false, minVersion: version, maxVersion: version }
  const socket = tls.connect({ ...options, ...(session && { session }) })
  let latest = session
  socket.on('session', (issued: Buffer) => {
    latest = issued
  })
  await once(socket, 'secureConnect')
  socket.write(get('/state'))
  const [bytes] = await once(socket, 'data')
  // A resumed TLS 1.2 session gets no new ticket. TLS 1.3 sends one right after the handshake.
  if (!latest) await once(socket, 'session')
  const resumed = socket.isSessionReused()
  socket.destroy()
  return { resumed, session: latest as Buffer, pid: Number(/x-pid: (\d+)/i.exec(String(bytes))?.[1]) }
}
