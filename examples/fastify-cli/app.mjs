import { setTimeout as pause } from 'node:timers/promises'
import graceful from '@handover/fastify'

export default async function application(app, _options) {
  await app.register(graceful)

  const who = () => ({ generation: app.graceful.generation, pid: process.pid })

  app.get('/', async () => who())
  app.get('/slow', async () => {
    await pause(2000)
    return who()
  })
}
