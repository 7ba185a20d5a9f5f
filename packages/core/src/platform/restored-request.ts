/** The request of a connection that moved in the middle of its protocol, as Node would have parsed it. */
import http from 'node:http'
import type net from 'node:net'

/** What the successor must know about a request to restore it. */
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

/** Node's parser gives a request its headers by this method, and `headers` reads them from there (Node 20 to 26). */
type WithHeaderLines = { _addHeaderLines(rawHeaders: string[], count: number): void }

/** For protocols: the request that began a moved connection. It is HTTP/1.1, complete, and has no body. */
export function restoreRequest(
  socket: net.Socket,
  { rawHeaders, ...head }: RequestHead,
): http.IncomingMessage {
  const request = new http.IncomingMessage(socket) as http.IncomingMessage & WithHeaderLines
  request._addHeaderLines([...rawHeaders], rawHeaders.length)
  const version = { httpVersion: '1.1', httpVersionMajor: 1, httpVersionMinor: 1 }
  return Object.assign(request, head, version, { complete: true })
}
