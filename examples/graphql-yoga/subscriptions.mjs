// graphql-ws for Yoga. WebSockets move, and the successor subscribes again after the last event of each subscription.
import gracefulSockets from '@handover/ws'
import { handleProtocols } from 'graphql-ws'
import { WebSocketServer } from 'ws'
import { leave, resume } from './moving.mjs'
import { operations } from './operations.mjs'
import { Session } from './session.mjs'

export function serveSubscriptions(server, yoga) {
  const wss = new WebSocketServer({ server, path: yoga.graphqlEndpoint, handleProtocols })
  const graphql = operations(yoga)
  const sessions = new WeakMap()

  function open(socket, request) {
    const session = new Session(socket, request)
    sessions.set(socket, session)
    const fail = (error) => socket.close(4500, String(error).slice(0, 100))
    const transport = {
      protocol: socket.protocol,
      send: (text) => session.send(text),
      close: (code, reason) => socket.close(code, reason),
      onMessage(receive) {
        session.receive = (message) => receive(message).catch(fail)
      },
    }
    session.close = graphql.opened(transport, session)
    socket.on('message', (data) => session.receive(String(data)))
    socket.on('close', session.close).on('error', fail)
    return session
  }

  wss.on('connection', open)
  gracefulSockets(wss, {
    serialize: (socket) => leave(sessions.get(socket)),
    restore: (socket, state, request) => resume(open(socket, request), state),
  })
}
