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
import { keepRouterUnmade } from './router.js'

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
      onListening: () => onListening(),
    },
    options,
  )
  const middleware = carryHandle<Middleware>((_request, _response, next) => next(), handle)
  const onListening = keepRouterUnmade(app, middleware)
  return middleware
}

/**
 * Express's `graceful(app, options?)`: also what `require('@handover/express')` returns, and its property `graceful`.
 *
 * @function
 */
export const graceful: typeof tie & { readonly graceful: typeof tie } = Object.assign(tie, { graceful: tie })

export default graceful
export type { GracefulHandle, GracefulOptions }
export { graceful as 'module.exports' }
