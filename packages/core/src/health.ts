/** Answers liveness and readiness before the application sees the request. What they say is health-checks.ts. */
import http, { type IncomingMessage, type ServerResponse } from 'node:http'
import type net from 'node:net'
import type { HealthAnswer, HealthChecks } from './health-checks.js'

/**
 * For an HTTP server of any kind. The only place where a server's `emit` is wrapped; without `health` nothing is.
 * Returns the way back.
 */
export function answerHealth(server: net.Server, checks: HealthChecks): () => void {
  const isHttp =
    server instanceof http.Server || 'closeIdleConnections' in server || 'updateSettings' in server
  if (!isHttp) return () => {}
  const wasOwn = Object.hasOwn(server, 'emit')
  const emit = server.emit as (event: string, ...args: unknown[]) => boolean
  const wrapped = ((event: string, ...args: unknown[]): boolean => {
    if (event === 'request') {
      const [request, response] = args as [IncomingMessage, ServerResponse]
      const kind = checks.kindOf(pathOf(request))
      if (kind) {
        void checks.answer(kind).then((answer) => write(response, answer))
        return true
      }
    }
    return emit.call(server, event, ...args)
  }) as typeof server.emit
  server.emit = wrapped
  return () => {
    if (server.emit !== wrapped) return
    if (wasOwn) server.emit = emit as typeof server.emit
    else Reflect.deleteProperty(server, 'emit')
  }
}

function pathOf({ method, url }: IncomingMessage): string | undefined {
  return method === 'GET' || method === 'HEAD' ? url?.split('?', 1)[0] : undefined
}

function write(response: ServerResponse, { status, contentType, body }: HealthAnswer): void {
  // The client has gone.
  if (response.destroyed) return
  response.writeHead(status, {
    'content-type': contentType,
    'content-length': Buffer.byteLength(body),
    'cache-control': 'no-store',
  })
  response.end(body)
}
