/**
 * Handover for Koa 2 and 3: `app.use(graceful(app))`. The middleware that `graceful` returns is also the handle.
 * @packageDocumentation
 */
import {
  carryHandle,
  type GracefulHandle,
  type GracefulOptions,
  gracefulApplication,
  notAnApplication,
} from '@handover/core'

/** The parts of a Koa application that `graceful` uses. */
export interface KoaApplication {
  callback(): (...args: never[]) => unknown
  middleware: unknown[]
  listen: unknown
  listeners(event: 'error'): unknown[]
  onerror: unknown
}

/** A middleware that passes every request on. */
export type Middleware = (context: unknown, next: () => Promise<unknown>) => Promise<unknown>

/**
 * Makes every server that serves `app` part of this process's generation: `app.listen(…)`,
 * `http.createServer(app.callback())`. Call it before you create the server.
 *
 * @returns a middleware that is also the handle. Its position among other middleware does not matter.
 * @throws HandoverError `ERR_HANDOVER_NOT_AN_APP`, and those of `graceful` of `@handover/core`.
 */
function attach(app: KoaApplication, options?: GracefulOptions): Middleware & GracefulHandle {
  if (typeof app?.callback !== 'function' || typeof app.listen !== 'function') {
    throw notAnApplication('Koa', app)
  }
  // Koa creates a new request listener at each call of `callback()`: remember those of this application.
  const handlers = new WeakSet<object>()
  // `callback()` adds this listener. A server that already listens has a handler that this adapter has not seen.
  const wasServed = app.listeners('error').includes(app.onerror)
  const isHandler = (listener: unknown) =>
    handlers.has(listener as object) || (wasServed && (listener as () => void).name === 'handleRequest')
  const handle = gracefulApplication({ name: 'Koa', isHandler }, options)
  const middleware = carryHandle<Middleware>((_context, next) => next(), handle)
  const callback = app.callback
  function rememberingCallback(this: KoaApplication) {
    // Each middleware costs every request a promise, and this one does nothing.
    const others = this.middleware.filter((each) => each !== middleware)
    this.middleware.splice(0, Number.POSITIVE_INFINITY, ...others)
    const handler = callback.call(this)
    handlers.add(handler)
    return handler
  }
  Object.defineProperty(app, 'callback', { value: rememberingCallback, configurable: true, writable: true })
  return middleware
}

/**
 * Koa's `graceful(app, options?)`. In CommonJS, `require('@handover/koa')` returns it, too.
 *
 * @function
 */
export const graceful: typeof attach & { readonly graceful: typeof attach; readonly default: typeof attach } =
  Object.assign(attach, {
    graceful: attach,
    default: attach,
  })

export default graceful
export type { GracefulHandle, GracefulOptions }
/**
 * What `require` returns. index.d.cts declares it: a string as a name is an error with `module: es2020` of TypeScript.
 *
 * @internal
 */
export { graceful as 'module.exports' }
