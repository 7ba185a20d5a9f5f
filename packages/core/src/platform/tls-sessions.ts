/** Node's private data of TLS servers: see platform/listener-handle.ts. */
import type { TlsSessions } from '../protocol/inheritance.js'
import { isTls } from './server-kind.js'

interface ServerInside {
  readonly ticketKeys?: Uint8Array
  sessionIdContext: string
  readonly _sharedCreds?: { readonly context?: { setSessionIdContext?(idContext: string): void } }
}

/** `undefined` for a server without TLS. */
export function tlsSessionsOf(server: object): TlsSessions | undefined {
  if (!isTls(server)) return undefined
  return {
    ticketKeys: server.getTicketKeys(),
    idContext: (server as unknown as ServerInside).sessionIdContext,
  }
}

/** Resumes the predecessor's sessions in this server, unless its options set other keys or another context. */
export function continueTlsSessions(server: object, { ticketKeys, idContext }: TlsSessions): void {
  if (!isTls(server)) return
  const inside = server as unknown as ServerInside
  if (!inside.ticketKeys) server.setTicketKeys(Buffer.from(ticketKeys))
  const context = inside._sharedCreds?.context
  if (inside.sessionIdContext !== defaultIdContext() || !context?.setSessionIdContext) return
  context.setSessionIdContext(idContext)
  inside.sessionIdContext = idContext
}

/**
 * Node derives the default from the command line, which may differ in the next release (tls.createServer(), option
 * `sessionIdContext`).
 */
function defaultIdContext(): string {
  const { createHash } = process.getBuiltinModule('node:crypto')
  return createHash('sha1').update(process.argv.join(' ')).digest('hex').slice(0, 32)
}
