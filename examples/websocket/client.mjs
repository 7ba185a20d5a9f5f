// Sends "message" every second on one WebSocket until Ctrl-C or SIGTERM.
import { WebSocket } from 'ws'

const socket = new WebSocket(`ws://127.0.0.1:${process.env.PORT ?? 3000}`)
const leave = () => socket.close(1000)
process.on('SIGINT', leave).on('SIGTERM', leave)

let timer
socket.on('open', () => {
  timer = setInterval(() => socket.send('message'), Number(process.env.INTERVAL_MS ?? 1000))
})
socket.on('message', (text) => console.log(String(text)))
socket.on('error', ({ message }) => console.log(message))
socket.on('close', (code, reason) => {
  clearInterval(timer)
  if (code === 1000) return
  console.log(`the server closed the connection: ${code} ${reason}`)
  process.exitCode = 1
})
