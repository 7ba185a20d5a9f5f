// A gateway that counts the messages of each WebSocket. The count moves with the WebSocket.
import { graceful } from '@handover/core'
import gracefulSockets from '@handover/ws'
import { Module } from '@nestjs/common'
import { NestFactory } from '@nestjs/core'
import { WsAdapter } from '@nestjs/platform-ws'
import { SubscribeMessage, WebSocketGateway } from '@nestjs/websockets'
import { Application } from './nest-application.mjs'
import { options, sign, tellPort } from './shared.mjs'

const states = new WeakMap()

class Chat {
  afterInit(wss) {
    gracefulSockets(wss, {
      serialize: (socket) => states.get(socket),
      restore: (socket, state, request) => wss.emit('connection', socket, request, state),
    })
  }

  handleConnection(socket, _request, state = { messages: 0 }) {
    states.set(socket, state)
  }

  count(socket) {
    const messages = ++states.get(socket).messages
    return { event: 'count', data: { messages, generation: handle.generation } }
  }
}
WebSocketGateway()(Chat)
SubscribeMessage('count')(Chat.prototype, 'count', Object.getOwnPropertyDescriptor(Chat.prototype, 'count'))

class WithGateway {}
Module({ imports: [Application], providers: [Chat] })(WithGateway)

const app = await NestFactory.create(WithGateway, { logger: false })
const handle = graceful(app.getHttpServer(), options)
app.useWebSocketAdapter(new WsAdapter(app))
app.use((_request, response, next) => {
  sign(response, handle)
  next()
})
await app.listen(0, '127.0.0.1')
tellPort(app.getHttpServer())
