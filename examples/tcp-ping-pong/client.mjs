// Sends "ping" every second on one connection until Ctrl-C or SIGTERM.
import net from 'node:net'
import { createInterface } from 'node:readline'

const socket = net.connect({ host: '127.0.0.1', port: Number(process.env.PORT ?? 3000) })
const timer = setInterval(() => socket.write('ping\n'), Number(process.env.INTERVAL_MS ?? 1000))
let leaving = false

function leave() {
  leaving = true
  socket.end()
}
process.on('SIGINT', leave).on('SIGTERM', leave)

const lines = createInterface(socket)
lines.on('line', (line) => console.log(line))
lines.on('error', ({ message }) => console.log(message))
socket.on('close', () => {
  clearInterval(timer)
  if (leaving) return
  console.log('the server closed the connection')
  process.exitCode = 1
})
