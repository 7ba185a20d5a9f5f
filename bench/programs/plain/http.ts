import http from 'node:http'
import { listen, tellListening } from '../program.js'

const server = http.createServer((request, response) => {
  response.setHeader('x-generation', '1')
  if (request.method === 'POST') request.resume().on('end', () => response.end('ok'))
  else response.end('ok')
})
// Opening ten thousand connections takes longer than the default of 5 s.
server.keepAliveTimeout = 60_000
server.listen(listen, () => tellListening(server))
