/** What Node keeps private of TLS: see platform/listener-handle.ts. */
import type { TlsSessions } from '../protocol/inheritance.js'
import { isTls } from './server-kind.js'

/** The privates of a `tls.Server`. */
interface ServerInside {
  /** The keys that its options gave. */
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

/** Sessions of the predecessor go on in this server, unless its options gave it keys or a context of its own. */
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
 * Node makes it of the command line, which changes when a release is started through the link `current`, or with
 * another argument: tls.createServer(), option `sessionIdContext`.
 */
function defaultIdContext(): string {
  const { createHash } = process.getBuiltinModule('node:crypto')
  return createHash('sha1').update(process.argv.join(' ')).digest('hex').slice(0, 32)
}
