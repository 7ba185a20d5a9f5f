import Fastify from 'fastify'
import { listen, tellListening } from '../program.js'

const app = Fastify()
app.get('/', async (_request, reply) => {
  reply.header('x-generation', '1')
  return 'ok'
})
app.post('/', async () => 'ok')
await app.listen(listen)
tellListening(app.server)
