/**
 * Handover for Express 4.18 and 5: `app.use(graceful(app))`. The middleware that `graceful` returns is also the handle.
 * @packageDocumentation
 */
import type { IncomingMessage, ServerResponse } from 'node:http'
import {
  carryHandle,
  type GracefulHandle,
  type GracefulOptions,
  gracefulApplication,
  notAnApplication,
} from '@handover/core'
import { keepSettingsOpen } from './router.js'

/** The parts of an Express application that `graceful` uses. */
export type ExpressApplication = ((request: never, response: never) => unknown) & {
  listen: unknown
  set: unknown
}

/** A middleware that passes every request on. */
export type Middleware = (request: IncomingMessage, response: ServerResponse, next: () => void) => void

/**
 * Makes every server that serves `app` part of this process's generation: `app.listen(…)`, `http.createServer(app)`,
 * `https.createServer(…, app)`. Call it before you create the server.
 *
 * @returns a middleware that is also the handle. Its position among other middleware does not matter.
 * @throws HandoverError `ERR_HANDOVER_NOT_AN_APP`, and those of `graceful` of `@handover/core`.
 */
function attach(app: ExpressApplication, options?: GracefulOptions): Middleware & GracefulHandle {
  if (typeof app !== 'function' || typeof app.listen !== 'function' || typeof app.set !== 'function') {
    throw notAnApplication('Express', app)
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
  const onListening = keepSettingsOpen(app, middleware)
  return middleware
}

/**
 * Express's `graceful(app, options?)`. In CommonJS, `require('@handover/express')` returns it, too.
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
