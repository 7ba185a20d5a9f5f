// Sends each message back with its number. The numbers continue on the same connection through every deploy.
import http from 'node:http'
import { graceful } from '@handover/core'
import gracefulSockets from '@handover/ws'
import { WebSocketServer } from 'ws'

const server = http.createServer((_request, response) => response.end('Speak WebSocket: node client.mjs\n'))
const handle = graceful(server)

const wss = new WebSocketServer({ server })
const states = new WeakMap()

wss.on('connection', (socket, _request, state = { messages: 0 }) => {
  states.set(socket, state)
  socket.on('message', (text) => {
    state.messages++
    socket.send(`${text} ${state.messages} from generation ${handle.generation}, pid ${process.pid}`)
  })
  socket.on('error', ({ message }) => console.log(message))
})

gracefulSockets(wss, {
  serialize: (socket) => states.get(socket),
  restore: (socket, state, request) => wss.emit('connection', socket, request, state),
})

server.listen(Number(process.env.PORT ?? 3000), () => {
  console.log(`pid ${process.pid} listens on port ${server.address().port}`)
})
