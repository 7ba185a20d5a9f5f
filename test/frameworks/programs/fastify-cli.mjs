// Runs with `fastify start`.
import graceful from '@handover/fastify'
import { options } from './shared.mjs'

export default async function application(app, _options) {
  await app.register(graceful, options)
  app.addHook('onSend', async (_request, reply) => {
    reply.header('x-generation', app.graceful.generation).header('x-pid', process.pid)
  })
  app.get('/', async () => 'ok')
}
