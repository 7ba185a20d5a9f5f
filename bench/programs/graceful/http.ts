import http from 'node:http'
import { graceful } from '@handover/core'
import { follow, listen, options, tellListening } from '../program.js'

const server = http.createServer((request, response) => {
  response.setHeader('x-generation', generation)
  if (request.method === 'POST') request.resume().on('end', () => response.end('ok'))
  else response.end('ok')
})
const generation = follow(graceful(server, options))
// Opening ten thousand connections takes longer than the default of 5 s.
server.keepAliveTimeout = 60_000
server.listen(listen, () => tellListening(server))
