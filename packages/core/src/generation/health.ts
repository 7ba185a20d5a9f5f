/** Answers liveness and readiness before the application sees the request. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import type net from 'node:net'
import { observe } from '../platform/hidden-observers.js'
import { isHttp } from '../platform/server-kind.js'
import { type HealthAnswer, HealthChecks, type ReadinessStatus } from './health-checks.js'
import type { StepParts } from './shared-parts.js'

export type HealthParts = StepParts<'undoAtEnd'>

export class GenerationHealth {
  readonly #parts: HealthParts
  readonly #servers = new WeakSet<net.Server>()
  #checks: HealthChecks | undefined
  /** The latest value of `setReady`. */
  #programIsReady = true

  constructor(parts: HealthParts) {
    this.#parts = parts
  }

  /** Installs the answers on an HTTP server, once, if the option is set. */
  answer(server: net.Server): void {
    const { settings, undoAtEnd } = this.#parts
    const { health } = settings()
    if (!health || !isHttp(server) || this.#servers.has(server)) return
    this.#servers.add(server)
    this.#checks ??= new HealthChecks(health, () => this.#readiness())
    const checks = this.#checks
    const request = (request: IncomingMessage, response: ServerResponse) => {
      const kind = checks.kindOf(pathOf(request))
      if (kind) void checks.answer(kind).then((answer) => write(response, answer))
      return kind !== undefined
    }
    undoAtEnd(observe(server, { instead: { request } }))
  }

  /** `handle.setReady()`. */
  setReady(ready: boolean): void {
    if (ready === this.#programIsReady) return
    this.#programIsReady = ready
    this.#parts.logger.info({ ready }, `readiness: the program reports ${ready ? 'ready' : 'not ready'}`)
  }

  #readiness(): ReadinessStatus {
    const { machine, self } = this.#parts
    const { state } = machine
    const isShutdown = state.name === 'draining' && state.because === 'shutdown'
    const ready = this.#programIsReady && state.name !== 'starting' && state.name !== 'exited' && !isShutdown
    return { ready, state: state.name, generation: self.number }
  }
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
