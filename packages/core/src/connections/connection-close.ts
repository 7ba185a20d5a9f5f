import type { ServerResponse } from 'node:http'

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
    // Headers that are given here win over `setHeader`. Where there are some it must not be called at all: Node
    // then takes lists in another way, in which it knows no pairs, and Node 20 loses names that come twice.
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

/** The forms that `writeHead(status, [reason], headers)` takes: an object, names and values in turn, or pairs. */
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
