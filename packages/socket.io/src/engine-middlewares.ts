/** The middlewares of `io.engine.use`, such as a session, run again: they add properties to the request. */
import { EventEmitter } from 'node:events'
import type { Engine, EngineRequest } from './socket-io-internals.js'

/** Rejects if a middleware fails or ends the response. */
export async function runEngineMiddlewares(engine: Engine, request: EngineRequest): Promise<void> {
  if (!engine._applyMiddlewares || !engine.middlewares?.length) return
  await new Promise<void>((resolve, reject) => {
    const refuse = () => reject(new Error('a middleware of io.engine refused the request of the client'))
    engine._applyMiddlewares?.(request, new DiscardedResponse(refuse), (error) =>
      error ? reject(error) : resolve(),
    )
  })
}

/** Accepts headers that the client no longer waits for. */
class DiscardedResponse extends EventEmitter {
  readonly headersSent = false
  readonly #headers = new Map<string, unknown>()
  readonly #refuse: () => void

  constructor(refuse: () => void) {
    super()
    this.#refuse = refuse
  }

  setHeader(name: string, value: unknown): this {
    this.#headers.set(name.toLowerCase(), value)
    return this
  }

  getHeader(name: string): unknown {
    return this.#headers.get(name.toLowerCase())
  }

  getHeaders(): object {
    return Object.fromEntries(this.#headers)
  }

  hasHeader(name: string): boolean {
    return this.#headers.has(name.toLowerCase())
  }

  removeHeader(name: string): void {
    this.#headers.delete(name.toLowerCase())
  }

  writeHead(): this {
    return this
  }

  write(): boolean {
    return true
  }

  end(): this {
    this.#refuse()
    return this
  }
}
