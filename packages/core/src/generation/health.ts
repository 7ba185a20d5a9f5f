/** Answers liveness and readiness before the application sees the request. generation/health-checks.ts composes the answers. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import type net from 'node:net'
import { observe } from '../platform/hidden-observers.js'
import { isHttp } from '../platform/server-kind.js'
import type { HealthAnswer, HealthChecks } from './health-checks.js'

/**
 * For an HTTP server of any kind. Returns a function that undoes this.
 */
export function answerHealth(server: net.Server, checks: HealthChecks): () => void {
  if (!isHttp(server)) return () => {}
  return observe(server, {
    instead: {
      request(request: IncomingMessage, response: ServerResponse) {
        const kind = checks.kindOf(pathOf(request))
        if (kind) void checks.answer(kind).then((answer) => write(response, answer))
        return kind !== undefined
      },
    },
  })
}

function pathOf({ method, url }: IncomingMessage): string | undefined {
  return method === 'GET' || method === 'HEAD' ? url?.split('?', 1)[0] : undefined
}

function write(response: ServerResponse, { status, contentType, body }: HealthAnswer): void {
  // The client has disconnected.
  if (response.destroyed) return
  response.writeHead(status, {
    'content-type': contentType,
    'content-length': Buffer.byteLength(body),
    'cache-control': 'no-store',
  })
  response.end(body)
}
