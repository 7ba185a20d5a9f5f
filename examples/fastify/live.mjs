// WebSockets and event streams that continue in the successor on the same connection.
import gracefulSockets from '@handover/ws'
import { WebSocketServer } from 'ws'

/** Sends each WebSocket message back, followed by the number of the response and the generation. */
export function serveWebSockets(app) {
  const wss = new WebSocketServer({ server: app.server, path: '/echo' })
  const states = new WeakMap()
  wss.on('connection', (socket, _request, state = { sent: 0 }) => {
    states.set(socket, state)
    socket.on('message', (text) => socket.send(`${text} ${++state.sent} ${app.graceful.generation}`))
    socket.on('error', (error) => app.log.warn(error))
  })

  gracefulSockets(wss, {
    serialize: (socket) => states.get(socket),
    restore: (socket, state, request) => wss.emit('connection', socket, request, state),
  })
}

/** Sends a numbered event with the generation every second to each client of `/events`. */
export function serveEvents(app) {
  app.get('/events', (request, reply) => {
    reply.hijack()
    reply.raw.writeHead(200, { 'content-type': 'text/event-stream' }).flushHeaders()
    stream(reply.raw, Number(request.headers['last-event-id'] ?? 0))
  })
  app.graceful.resumeStreams((response, { id }) => stream(response, id))

  function stream(response, lastId) {
    let id = lastId
    const send = () => response.write(`id: ${++id}\ndata: ${app.graceful.generation}\n\n`)
    const timer = setInterval(send, 1000)
    response.on('close', () => clearInterval(timer))
    app.graceful.onHandover(response, (move) => {
      clearInterval(timer)
      move({ id })
    })
  }
}
