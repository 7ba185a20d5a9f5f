import http, { type IncomingMessage, type ServerResponse } from 'node:http'
import type net from 'node:net'
import type { HealthPaths } from './options.js'

/** What the health answers say, as JSON. */
export interface Health {
  readonly status: 'ok' | 'ready' | 'not ready'
  readonly state: string
  readonly generation: number
}

/**
 * Answers liveness and readiness before the application sees the request, on an HTTP server of any kind. The
 * only place where a server's `emit` is wrapped; without `health` nothing is.
 */
export function answerHealth(
  server: net.Server,
  paths: HealthPaths,
  health: () => Omit<Health, 'status'> & { ready: boolean },
): void {
  if (
    !(server instanceof http.Server) &&
    !('closeIdleConnections' in server) &&
    !('updateSettings' in server)
  )
    return
  const emit = server.emit as (event: string, ...args: unknown[]) => boolean
  server.emit = ((event: string, ...args: unknown[]): boolean => {
    if (event === 'request') {
      const [request, response] = args as [IncomingMessage, ServerResponse]
      const path = pathOf(request)
      if (path !== undefined && (path === paths.readiness || path === paths.liveness)) {
        const { ready, ...facts } = health()
        if (path === paths.liveness) return answer(response, 200, { status: 'ok', ...facts })
        return answer(response, ready ? 200 : 503, { status: ready ? 'ready' : 'not ready', ...facts })
      }
    }
    return emit.call(server, event, ...args)
  }) as typeof server.emit
}

function pathOf({ method, url }: IncomingMessage): string | undefined {
  return method === 'GET' || method === 'HEAD' ? url?.split('?', 1)[0] : undefined
}

function answer(response: ServerResponse, status: number, health: Health): true {
  const body = JSON.stringify(health)
  response.writeHead(status, {
    'content-type': 'application/json; charset=utf-8',
    'content-length': Buffer.byteLength(body),
    'cache-control': 'no-store',
  })
  response.end(body)
  return true
}
