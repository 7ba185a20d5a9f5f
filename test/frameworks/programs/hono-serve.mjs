// Runs with `node --import @handover/core/register`, because serve() listens at once.
import { graceful } from '@handover/core'
import { serve } from '@hono/node-server'
import { Hono } from 'hono'
import { tellPort } from './shared.mjs'

// The handle of the preloaded module. Only the test needs it.
const handle = graceful()
const app = new Hono()
app.get('/', (c) =>
  c.text('ok', 200, { 'x-generation': String(handle.generation), 'x-pid': String(process.pid) }),
)
const server = serve({ fetch: app.fetch, port: 0, hostname: '127.0.0.1' }, () => tellPort(server))
