/** Servers that listened and connections that they accepted before Handover observed them. */
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
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
  const sockets = activeHandles().filter((handle) => handle instanceof net.Socket)
  return sockets.filter((socket) => (socket as { server?: unknown }).server === server)
}

/** The listening servers that keep this process running. */
export const listeningServers = (): net.Server[] =>
  activeHandles().filter((handle): handle is net.Server => handle instanceof net.Server && handle.listening)

/**
 * Calls `observe` when a `listen` call that first looked up its host has bound its address. Node reports these, also those
 * from before this call, on Node 20.19 to 26 (test/handover/late-server.test.ts). Returns a function that stops this.
 */
export function onBound(observe: (server: net.Server) => void): () => void {
  const channel = 'tracing:net.server.listen:asyncEnd'
  // Later, because Node reports an inherited listener in the middle of `listen`.
  const report = (message: unknown) => process.nextTick(observe, (message as { server: net.Server }).server)
  subscribe(channel, report)
  return () => void unsubscribe(channel, report)
}

function activeHandles(): readonly unknown[] {
  const { _getActiveHandles } = process as unknown as { _getActiveHandles?: () => unknown[] }
  return _getActiveHandles?.() ?? []
}
