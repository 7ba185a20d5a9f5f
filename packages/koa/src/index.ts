/**
 * Handover for Koa 2 and 3: `app.use(graceful(app))`. What it returns is also the handle.
 * @packageDocumentation
 */
import {
  carryHandle,
  type GracefulHandle,
  type GracefulOptions,
  gracefulApplication,
  HandoverError,
} from '@handover/core'

/** What is needed of a Koa application. */
export interface KoaApplication {
  callback(): (...args: never[]) => unknown
  middleware: unknown[]
  listen: unknown
}

/** A middleware that lets every request pass. */
export type Middleware = (context: unknown, next: () => Promise<unknown>) => Promise<unknown>

/**
 * Ties whatever server serves `app` to this process's generation: `app.listen(…)`,
 * `http.createServer(app.callback())`. Call it before that.
 *
 * @returns a middleware that carries the handle; where it stands among the others does not matter.
 * @throws HandoverError `ERR_HANDOVER_NOT_AN_APP`, and those of `graceful` of `@handover/core`.
 */
function tie(app: KoaApplication, options?: GracefulOptions): Middleware & GracefulHandle {
  if (typeof app?.callback !== 'function' || typeof app.listen !== 'function') {
    throw new HandoverError(
      'ERR_HANDOVER_NOT_AN_APP',
      'graceful(app) of @handover/koa wants a Koa application. For a server use graceful(server) of @handover/core. Nothing was changed.',
    )
  }
  // Koa makes a new request listener at each call of `callback()`: remember which ones are this application's.
  const handlers = new WeakSet<object>()
  const isHandler = (listener: unknown) => handlers.has(listener as object)
  const handle = gracefulApplication({ name: 'Koa', isHandler }, options)
  const middleware = carryHandle<Middleware>((_context, next) => next(), handle)
  const callback = app.callback
  function remembered(this: KoaApplication) {
    // Each middleware is a promise more for each request, and this one has nothing to do.
    const others = this.middleware.filter((each) => each !== middleware)
    this.middleware.splice(0, Number.POSITIVE_INFINITY, ...others)
    const handler = callback.call(this)
    handlers.add(handler)
    return handler
  }
  Object.defineProperty(app, 'callback', { value: remembered, configurable: true, writable: true })
  return middleware
}

/**
 * Koa's `graceful(app, options?)`: also what `require('@handover/koa')` returns, and its property `graceful`.
 *
 * @function
 */
export const graceful: typeof tie & { readonly graceful: typeof tie } = Object.assign(tie, { graceful: tie })

export default graceful
export type { GracefulHandle, GracefulOptions }
export { graceful as 'module.exports' }
