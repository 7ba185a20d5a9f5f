/**
 * The same application for all three process managers: node:http with WebSockets that echo messages. Only the code
 * that each manager requires for a graceful reload differs.
 */
import http from 'node:http'
import { type WebSocket, WebSocketServer } from 'ws'

const [manager, port] = process.argv.slice(2)
const pid = String(process.pid).padStart(7)

const server = http.createServer((_request, response) => {
  response.setHeader('x-pid', pid)
  response.end('ok')
})
const sockets = new WebSocketServer({ server })
const serve = (socket: WebSocket): void => {
  socket.on('message', (data) => socket.send(String(data)))
}
sockets.on('connection', serve)

if (manager === 'handover') await useHandover()
else useRecipe()
server.listen({ port: Number(port), host: '127.0.0.1' }, () => {
  if (manager === 'pm2') process.send?.('ready')
})

async function useHandover(): Promise<void> {
  const { graceful } = await import('@handover/core')
  const { default: gracefulSockets } = await import('@handover/ws')
  graceful(server, { logger: false })
  gracefulSockets(sockets, { serialize: () => ({}), restore: serve })
}

/** PM2 sends SIGINT, and a node:cluster primary disconnects. In both cases the worker closes its servers and exits. */
function useRecipe(): void {
  const leave = (): void => {
    for (const socket of sockets.clients) socket.close(1012)
    server.close(() => process.exit(0))
  }
  process.once(manager === 'pm2' ? 'SIGINT' : 'disconnect', leave)
}
