import { graceful } from '@handover/core'
import { createAdaptorServer } from '@hono/node-server'
import { Hono } from 'hono'
import { options, tellPort } from './shared.mjs'

const app = new Hono()
app.get('/', (c) =>
  c.text('ok', 200, { 'x-generation': String(handle.generation), 'x-pid': String(process.pid) }),
)
const server = createAdaptorServer({ fetch: app.fetch })
const handle = graceful(server, options)
server.listen(0, '127.0.0.1', () => tellPort(server))
