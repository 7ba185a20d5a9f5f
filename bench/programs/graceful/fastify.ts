import graceful from '@handover/fastify'
import Fastify from 'fastify'
import { follow, listen, options, tellListening } from '../program.js'

const app = Fastify()
await app.register(graceful, options)
const generation = follow(app.graceful)
app.get('/', async (_request, reply) => {
  reply.header('x-generation', generation)
  return 'ok'
})
app.post('/', async () => 'ok')
await app.listen(listen)
tellListening(app.server)
