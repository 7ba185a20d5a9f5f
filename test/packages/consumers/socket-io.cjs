const http = require('node:http')
const graceful = require('@handover/socket.io')
const { Server } = require('socket.io')

const server = http.createServer((_request, response) => response.end(`generation ${handle.generation}`))
const io = new Server(server)
const handle = graceful.graceful(io)
server.listen(0, '127.0.0.1')
