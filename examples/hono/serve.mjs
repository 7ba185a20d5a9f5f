// serve() listens at once. So Handover is loaded before this program, which does not mention it.
import { setTimeout as pause } from 'node:timers/promises'
import { serve } from '@hono/node-server'
import { Hono } from 'hono'

const app = new Hono()
app.get('/', (c) => c.json({ pid: process.pid }))
app.get('/slow', async (c) => {
  await pause(2000)
  return c.json({ pid: process.pid })
})

serve({ fetch: app.fetch, port: Number(process.env.PORT ?? 3000) }, ({ port }) => {
  console.log(`pid ${process.pid} listens on http://localhost:${port}`)
})
