import { setTimeout as pause } from 'node:timers/promises'
import { graceful } from '@handover/core'
import { createAdaptorServer } from '@hono/node-server'
import { Hono } from 'hono'

const app = new Hono()
const server = createAdaptorServer({ fetch: app.fetch })
const handle = graceful(server)

const who = () => ({ generation: handle.generation, pid: process.pid })

app.get('/', (c) => c.json(who()))
app.get('/slow', async (c) => {
  await pause(2000)
  return c.json(who())
})

server.listen(Number(process.env.PORT ?? 3000), () => {
  console.log(`pid ${process.pid} listens on http://localhost:${server.address().port}`)
})
