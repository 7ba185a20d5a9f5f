import type { ServerResponse } from 'node:http'

type Headers = Readonly<Record<string, unknown>> | readonly unknown[]

/**
 * Makes an answer say `Connection: close` (RFC 9112, 9.6) if `isLast()` when its head is written, whatever the
 * application or a proxy in it says of the connection. Nothing happens to an answer whose head is out already.
 */
export function answerWithClose(response: ServerResponse, isLast: () => boolean): void {
  if (response.headersSent) return
  const writeHead = response.writeHead as (...args: unknown[]) => ServerResponse
  response.writeHead = ((...args: unknown[]) => {
    if (!isLast()) return writeHead.apply(response, args)
    response.shouldKeepAlive = false
    response.setHeader('Connection', 'close')
    return writeHead.apply(response, args.map(withoutConnection))
  }) as typeof response.writeHead
}

/** `writeHead(status, [reason], headers)`: headers given there would win over `setHeader`. */
function withoutConnection(argument: unknown): unknown {
  if (typeof argument !== 'object' || argument === null) return argument
  const headers = argument as Headers
  if (!Array.isArray(headers)) {
    return Object.fromEntries(Object.entries(headers).filter(([name]) => !isConnection(name)))
  }
  if (headers.every(Array.isArray)) return headers.filter(([name]) => !isConnection(name))
  return headers.filter((_, i) => !isConnection(headers[i - (i % 2)]))
}

const isConnection = (name: unknown): boolean => String(name).toLowerCase() === 'connection'
