// A chat with rooms. Clients keep their connections, names and rooms through every deploy.
import http from 'node:http'
import graceful from '@handover/socket.io'
import { Server } from 'socket.io'

const server = http.createServer((_request, response) => response.end('Speak Socket.IO: node client.mjs\n'))
const io = new Server(server)
const handle = graceful(io)

io.on('connection', (socket) => {
  const { data } = socket
  const tell = (text) => io.to(data.room).emit('said', text)
  if (!socket.recovered) {
    const { name, room } = socket.handshake.auth
    Object.assign(data, { name, room, messages: 0 })
    socket.join(room)
    tell(`${name} has joined ${room}`)
  }
  socket.on('say', (text, reply) => {
    tell(`${data.name}: ${text}`)
    reply(`message ${++data.messages} delivered by generation ${handle.generation}, pid ${process.pid}`)
  })
  socket.on('disconnect', () => tell(`${data.name} has left`))
})

server.listen(Number(process.env.PORT ?? 3000), () => {
  console.log(`pid ${process.pid} listens on port ${server.address().port}`)
})
