/**
 * Handover for Fastify 5: `await app.register(graceful)`. The handle is `app.graceful`.
 * @packageDocumentation
 */
import {
  type GracefulHandle,
  type GracefulOptions,
  graceful as gracefulServer,
  releaseOf,
} from '@handover/core'
import type { FastifyPluginAsync } from 'fastify'
import fp from 'fastify-plugin'

declare module 'fastify' {
  interface FastifyInstance {
    /** The handle of Handover: `reload()`, `shutdown()`, `state`, hooks and observers. */
    graceful: GracefulHandle
  }
}

type Plugin = FastifyPluginAsync<GracefulOptions>

const plugin: Plugin = async (app, options) => {
  const manual = options.ready === 'manual'
  const logger = options.logger ?? app.log.child({ name: 'handover' })
  const handle = gracefulServer(app.server, { ...options, logger, ready: 'manual' })
  if (!app.hasDecorator('graceful')) app.decorate('graceful', handle)

  // `onListen` comes when all addresses are bound: `localhost` has two.
  app.addHook('onListen', async () => {
    if (!manual) void handle.ready()
  })

  // Core drains before `close()`: from then on Fastify answers 503. If the application closes first, open
  // connections hear of it; waiting here would meet `pluginTimeout`.
  const release = releaseOf(app.server)
  app.addHook('preClose', async () => release.closing())
  app.addHook('onClose', async () => release.closed())
  handle.onDrained(() => app.close())
}

const registered = fp(plugin, { name: '@handover/fastify', fastify: '5.x' })

/**
 * The plugin. Options: see `GracefulOptions` of `@handover/core`; `logger` is Fastify's own by default, and
 * `ready: 'listening'` means Fastify's `onListen`. Fails as `graceful` of core does, with a `HandoverError`.
 */
export const graceful: Plugin & { readonly graceful: Plugin } = Object.assign(registered, {
  /** `const { graceful } = require('@handover/fastify')`; without braces it is the plugin itself. */
  graceful: registered,
})

export default graceful
export type { GracefulHandle, GracefulOptions }
export { graceful as 'module.exports' }
