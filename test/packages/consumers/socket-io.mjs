import assert from 'node:assert/strict'
import http from 'node:http'
import graceful, { graceful as named } from '@handover/socket.io'
import { Server } from 'socket.io'

assert.equal(graceful, named)
const server = http.createServer((_request, response) => response.end(`generation ${handle.generation}`))
const handle = graceful(new Server(server))
server.listen(0, '127.0.0.1')
