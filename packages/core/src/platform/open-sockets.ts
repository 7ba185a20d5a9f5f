/** Connections that a server accepted before Handover observed it: see platform/listener-handle.ts. */
import net from 'node:net'

interface ParserList {
  all?(): readonly { readonly socket?: net.Socket }[]
}

/**
 * Sockets that speak HTTP/1.1, including those over TLS. Tested on Node 20.19, 22, 24 and 26
 * (test/handover/late-server.test.ts). Empty if a version of Node lacks the private list.
 */
export function parsedSocketsOf(server: net.Server): net.Socket[] {
  const symbol = Object.getOwnPropertySymbols(server).find(
    ({ description }) => description === 'http.server.connections',
  )
  const list = symbol && (server as unknown as Record<symbol, ParserList>)[symbol]
  return (list?.all?.() ?? []).flatMap(({ socket }) => socket ?? [])
}

/** Sockets that `server` accepted, including upgraded ones. With TLS, the sockets below each `TLSSocket`. */
export function acceptedSocketsOf(server: net.Server): net.Socket[] {
  const { _getActiveHandles } = process as unknown as { _getActiveHandles?: () => unknown[] }
  const sockets = (_getActiveHandles?.() ?? []).filter((handle) => handle instanceof net.Socket)
  return sockets.filter((socket) => (socket as { server?: unknown }).server === server)
}
