/**
 * Handover for Express 4.18 and 5: `app.use(graceful(app))`. What it returns is also the handle.
 * @packageDocumentation
 */
import type { IncomingMessage, ServerResponse } from 'node:http'
import {
  carryHandle,
  type GracefulHandle,
  type GracefulOptions,
  gracefulApplication,
  HandoverError,
} from '@handover/core'

/** What is needed of an Express application: it is a function, and has `listen`. */
export type ExpressApplication = ((request: never, response: never) => unknown) & {
  listen: unknown
  set: unknown
}

/** A middleware that lets every request pass. */
export type Middleware = (request: IncomingMessage, response: ServerResponse, next: () => void) => void

/**
 * Ties whatever server serves `app` to this process's generation: `app.listen(…)`, `http.createServer(app)`,
 * `https.createServer(…, app)`. Call it before that.
 *
 * @returns a middleware that carries the handle; where it stands among the others does not matter.
 * @throws HandoverError `ERR_HANDOVER_NOT_AN_APP`, and those of `graceful` of `@handover/core`.
 */
function tie(app: ExpressApplication, options?: GracefulOptions): Middleware & GracefulHandle {
  if (typeof app !== 'function' || typeof app.listen !== 'function' || typeof app.set !== 'function') {
    throw new HandoverError(
      'ERR_HANDOVER_NOT_AN_APP',
      'graceful(app) of @handover/express wants an Express application. For a server use graceful(server) of @handover/core. Nothing was changed.',
    )
  }
  const handle = gracefulApplication(
    {
      name: 'Express',
      isHandler: (listener) => listener === app,
      onListening: () => takeOut(app, middleware),
    },
    options,
  )
  const middleware = carryHandle<Middleware>((_request, _response, next) => next(), handle)
  return middleware
}

interface Router {
  stack?: readonly { readonly handle?: unknown }[]
}

/**
 * Each middleware is one step more for each request, and this one has nothing to do. A request that is on its way
 * through the stack goes on in the one that it has begun with. Express 4 has its router in `_router`, and a getter
 * `router` that throws.
 */
function takeOut(app: ExpressApplication, middleware: Middleware): void {
  const inside = app as unknown as { lazyrouter?: unknown; _router?: Router; router?: Router }
  const router = inside.lazyrouter ? inside._router : inside.router
  if (router?.stack) router.stack = router.stack.filter(({ handle }) => handle !== middleware)
}

/** Express's `graceful(app, options?)`: also what `require('@handover/express')` returns, and its property `graceful`. */
export const graceful: typeof tie & { readonly graceful: typeof tie } = Object.assign(tie, { graceful: tie })

export default graceful
export type { GracefulHandle, GracefulOptions }
export { graceful as 'module.exports' }
