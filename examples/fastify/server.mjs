import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { setTimeout as pause } from 'node:timers/promises'
import graceful from '@handover/fastify'
import Fastify, { LogController } from 'fastify'
import { serveEvents, serveWebSockets } from './live.mjs'

const { version } = JSON.parse(readFileSync(new URL('package.json', import.meta.url), 'utf8'))

// Without request logging, the log lines of a reload stand out.
const app = Fastify({ logger: true, logController: new LogController({ disableRequestLogging: true }) })
await app.register(graceful)

const who = () => ({ release: version, generation: app.graceful.generation, pid: process.pid })

app.addHook('onRequest', async (_request, reply) => {
  reply.headers({ 'x-generation': app.graceful.generation, 'x-pid': process.pid })
})
app.addContentTypeParser('*', (_request, payload, done) => done(null, payload))

app.get('/', async () => who())

app.get('/slow', async ({ query }) => {
  await pause(Number(query.ms ?? 2000))
  return who()
})

app.post('/upload', async ({ body }) => {
  const hash = createHash('sha256')
  for await (const chunk of body ?? []) hash.update(chunk)
  return hash.digest('hex')
})

serveWebSockets(app)
serveEvents(app)

await app.listen({ port: Number(process.env.PORT ?? 3000) })
