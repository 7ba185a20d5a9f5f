/** Connections that a server accepted before Handover observed it: see platform/listener-handle.ts. */
import net from 'node:net'

/** The parsers of an HTTP/1.1 server, which know their sockets. */
interface ParserList {
  all?(): readonly { readonly socket?: net.Socket }[]
}

/**
 * Sockets of HTTP/1.1, including those over TLS. Tested on Node 20.19, 22, 24 and 26 (test/handover/late-server.test.ts).
 * Empty if a Node version lacks the internals.
 */
export function parsedSocketsOf(server: net.Server): net.Socket[] {
  const symbol = Object.getOwnPropertySymbols(server).find(
    ({ description }) => description === 'http.server.connections',
  )
  const list = symbol && (server as unknown as Record<symbol, ParserList>)[symbol]
  return (list?.all?.() ?? []).flatMap(({ socket }) => socket ?? [])
}

/** Sockets that `server` accepted, including upgraded ones. Over TLS these are the sockets below the `TLSSocket`. */
export function acceptedSocketsOf(server: net.Server): net.Socket[] {
  const { _getActiveHandles } = process as unknown as { _getActiveHandles?: () => unknown[] }
  const handles = _getActiveHandles?.() ?? []
  return handles.filter(
    (handle): handle is net.Socket =>
      handle instanceof net.Socket && (handle as { server?: unknown }).server === server,
  )
}
