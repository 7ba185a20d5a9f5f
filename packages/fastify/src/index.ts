/**
 * Handover for Fastify 5: `await app.register(graceful)`. The handle is `app.graceful`.
 * @packageDocumentation
 */
import {
  type GracefulHandle,
  type GracefulOptions,
  graceful as gracefulServer,
  notAnApplication,
  releaseOf,
  warningLogger,
} from '@handover/core'
import type { FastifyInstance, FastifyPluginAsync } from 'fastify'
import fp from 'fastify-plugin'

declare module 'fastify' {
  interface FastifyInstance {
    /** The handle of Handover: `reload()`, `shutdown()`, `state`, hooks and observers. */
    graceful: GracefulHandle
  }
}

type Plugin = FastifyPluginAsync<GracefulOptions>

const plugin: Plugin = (app, options) => {
  // Throws at once: a framework that gets a promise as a middleware fails with its own error first.
  if (typeof app?.register !== 'function' || options === undefined) throw notAnApplication('Fastify', app)
  return attach(app, options)
}

const attach: Plugin = async (app, options) => {
  const manual = options.ready === 'manual'
  const logger = options.logger ?? loggerOf(app)
  const handle = gracefulServer(app.server, { ...options, logger, ready: 'manual' })
  if (!app.hasDecorator('graceful')) app.decorate('graceful', handle)

  // Fastify calls `onListen` when all addresses are bound: `localhost` has two.
  app.addHook('onListen', async () => {
    if (!manual) void handle.ready()
  })

  // Core drains before it calls `close()`, because Fastify then answers 503. If the application calls `close()` first,
  // open connections get `Connection: close`. The hook must not wait for them: `pluginTimeout` limits it.
  const { closing, closed } = releaseOf(app.server)
  app.addHook('preClose', async () => closing())
  app.addHook('onClose', async () => closed())
  handle.onDrained(() => app.close())
}

/** Without its `logger` option, Fastify's logger has no level and does nothing. A failed reload must not be silent. */
const loggerOf = ({ log }: FastifyInstance) =>
  log.level === undefined && log.warn === log.info ? warningLogger() : log.child({ component: 'handover' })

const registered = fp(plugin, { name: '@handover/fastify', fastify: '5.x' })

/**
 * The plugin. Options: see `GracefulOptions` of `@handover/core`. The default `logger` is Fastify's own;
 * where that is off, warnings and errors go to standard error. `ready: 'listening'` means Fastify's `onListen`. Rejects with the `HandoverError`s that `graceful` of core throws.
 */
export const graceful: Plugin & { readonly graceful: Plugin; readonly default: Plugin } = Object.assign(
  registered,
  {
    /** For `const { graceful } = require('@handover/fastify')`. `require` itself returns the plugin, too. */
    graceful: registered,
    /** For code that is compiled to CommonJS without `esModuleInterop`. */
    default: registered,
  },
)

export default graceful
export type { GracefulHandle, GracefulOptions }
/**
 * What `require` returns. index.d.cts declares it: a string as a name is an error with `module: es2020` of TypeScript.
 *
 * @internal
 */
export { graceful as 'module.exports' }
