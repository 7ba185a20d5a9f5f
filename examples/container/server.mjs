import http from 'node:http'
import { setTimeout as pause } from 'node:timers/promises'
import { graceful } from '@handover/core'

const server = http.createServer(async (request, response) => {
  const { pathname, searchParams } = new URL(request.url, 'http://localhost')
  if (pathname === '/slow') await pause(Number(searchParams.get('ms') ?? 2000))
  response.setHeader('x-generation', handle.generation).setHeader('x-pid', process.pid)
  response.end(JSON.stringify({ generation: handle.generation, pid: process.pid }))
})

// Without `handover run`, this process serves the control socket.
const handle = graceful(server, { health: { readiness: '/readyz' }, control: process.env.HANDOVER_CONTROL })

server.listen(Number(process.env.PORT ?? 3000))
