import { once } from 'node:events'
import tls from 'node:tls'
import type { TcpTarget } from '@handover/load'
import { get } from './http.js'

export type TlsVersion = 'TLSv1.2' | 'TLSv1.3'

/** One request on a TLS connection of its own. */
export interface TlsVisit {
  /** Whether the session that was brought along went on. */
  readonly resumed: boolean
  /** To bring along next time. */
  readonly session: Buffer
  /** What answered. */
  readonly pid: number
}

/** Asks who serves, as a client that speaks that version only and brings a session along, or none. */
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
  // A resumed session of TLS 1.2 is issued no other one; TLS 1.3 issues its own right behind the handshake.
  if (!latest) await once(socket, 'session')
  const resumed = socket.isSessionReused()
  socket.destroy()
  return { resumed, session: latest as Buffer, pid: Number(/x-pid: (\d+)/i.exec(String(bytes))?.[1]) }
}
