import http from 'node:http'
import { text } from 'node:stream/consumers'
import { graceful } from '@handover/core'

const server = http.createServer(async (request, response) => {
  const body = await text(request)
  response.setHeader('x-generation', handle.generation).setHeader('x-pid', process.pid)
  response.end(JSON.stringify({ generation: handle.generation, pid: process.pid, bytes: body.length }))
})
const metrics = http.createServer((_request, response) => response.end(`generation ${handle.generation}\n`))

// Each unit sets the variable. `handover run` serves the control socket itself.
const handle = graceful(server, { control: process.env.HANDOVER_CONTROL })

server.listen(3000)
metrics.listen(9464, '127.0.0.1')
