/** Restores the request that began a moved event stream or WebSocket. */
import http from 'node:http'
import type net from 'node:net'

export interface RequestHead {
  readonly method: string | undefined
  readonly url: string | undefined
  readonly rawHeaders: readonly string[]
}

export const headOf = ({ method, url, rawHeaders }: http.IncomingMessage): RequestHead => ({
  method,
  url,
  rawHeaders,
})

/** Node's parser adds the headers of a request with this method (Node 20 to 26). */
type WithHeaderLines = { _addHeaderLines(rawHeaders: string[], count: number): void }

/** Returns a complete HTTP/1.1 request without a body, as Node would have parsed it. */
export function restoreRequest(
  socket: net.Socket,
  { rawHeaders, ...head }: RequestHead,
): http.IncomingMessage {
  const request = new http.IncomingMessage(socket) as http.IncomingMessage & WithHeaderLines
  request._addHeaderLines([...rawHeaders], rawHeaders.length)
  const version = { httpVersion: '1.1', httpVersionMajor: 1, httpVersionMinor: 1 }
  return Object.assign(request, head, version, { complete: true })
}
