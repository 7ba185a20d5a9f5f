// A gateway that counts the messages of each WebSocket. The count moves with the WebSocket.
import type { IncomingMessage } from 'node:http'
import gracefulSockets from '@handover/ws'
import { SubscribeMessage, WebSocketGateway } from '@nestjs/websockets'
import type { WebSocket, WebSocketServer } from 'ws'

interface State {
  messages: number
}

const states = new WeakMap<WebSocket, State>()

@WebSocketGateway()
export class Chat {
  afterInit(wss: WebSocketServer) {
    gracefulSockets(wss, {
      serialize: (socket: WebSocket) => states.get(socket),
      restore: (socket: WebSocket, state: State, request) => wss.emit('connection', socket, request, state),
    })
  }

  handleConnection(socket: WebSocket, _request: IncomingMessage, state: State = { messages: 0 }) {
    states.set(socket, state)
  }

  @SubscribeMessage('count')
  count(socket: WebSocket) {
    const state = states.get(socket) ?? { messages: 0 }
    state.messages++
    return { event: 'count', data: { messages: state.messages, pid: process.pid } }
  }
}
