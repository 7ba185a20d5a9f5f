// Socket.IO gateways. Clients on WebSocket move with their ids, rooms and data.
import graceful from '@handover/socket.io'
import { SubscribeMessage, WebSocketGateway } from '@nestjs/websockets'
import type { Namespace, Server, Socket } from 'socket.io'

@WebSocketGateway()
export class Rooms {
  afterInit(io: Server) {
    graceful(io)
  }

  handleConnection(socket: Socket) {
    if (socket.recovered) return
    socket.data.messages = 0
    socket.join(`room ${socket.handshake.auth.room}`)
  }

  @SubscribeMessage('count')
  count(socket: Socket) {
    return { messages: ++socket.data.messages, pid: process.pid }
  }

  @SubscribeMessage('say')
  say(socket: Socket, text: string) {
    for (const room of socket.rooms) if (room !== socket.id) socket.nsp.to(room).emit('said', text)
  }
}

@WebSocketGateway({ namespace: 'news' })
export class News extends Rooms {
  override afterInit(news: Server | Namespace) {
    graceful('server' in news ? news.server : news)
  }
}
