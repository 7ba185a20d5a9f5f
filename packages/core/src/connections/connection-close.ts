import type { ServerResponse } from 'node:http'

/**
 * Adds `Connection: close` (RFC 9112, 9.6) to a response if `isLast()` when its headers are written. This replaces any
 * `Connection` header of the application. A response whose headers have been sent does not change.
 */
export function answerWithClose(response: ServerResponse, isLast: () => boolean): void {
  if (response.headersSent) return
  const writeHead = response.writeHead as (...args: unknown[]) => ServerResponse
  response.writeHead = ((...args: unknown[]) => {
    if (!isLast()) return writeHead.apply(response, args)
    response.shouldKeepAlive = false
    // Headers in the arguments override `setHeader`. Do not use both: after `setHeader`, Node does not accept pairs, and
    // Node 20 loses repeated names.
    if (!args.some(isHeaders)) response.setHeader('Connection', 'close')
    return writeHead.apply(
      response,
      args.map((each) => (isHeaders(each) ? withClose(each) : each)),
    )
  }) as typeof response.writeHead
}

type Headers = Readonly<Record<string, unknown>> | readonly unknown[]

const isHeaders = (argument: unknown): argument is Headers =>
  typeof argument === 'object' && argument !== null

/** `writeHead` takes headers as an object, as alternating names and values, or as pairs. */
function withClose(headers: Headers): Headers {
  if (!Array.isArray(headers)) {
    const others = Object.entries(headers).filter(([name]) => !isConnection(name))
    return { ...Object.fromEntries(others), Connection: 'close' }
  }
  if (Array.isArray(headers[0])) {
    return [...headers.filter(([name]) => !isConnection(name)), ['Connection', 'close']]
  }
  const others = headers.filter((_, i) => !isConnection(headers[i - (i % 2)]))
  return [...others, 'Connection', 'close']
}

const isConnection = (name: unknown): boolean => String(name).toLowerCase() === 'connection'
