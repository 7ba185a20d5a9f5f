// Sends each line of the terminal to a room of the chat. With INTERVAL_MS it says numbers by itself.
import { createInterface } from 'node:readline'
import { io } from 'socket.io-client'

const { PORT = 3000, NAME = 'guest', ROOM = 'lobby', INTERVAL_MS } = process.env
const socket = io(`http://127.0.0.1:${PORT}`, {
  transports: ['websocket'],
  auth: { name: NAME, room: ROOM },
})
socket.on('connect', () => console.log(`connected as ${socket.id}`))
socket.on('disconnect', (reason) => console.log(`disconnected: ${reason}`))
socket.on('said', (text) => console.log(text))

async function say(text) {
  try {
    console.log(await socket.emitWithAck('say', text))
  } catch ({ message }) {
    console.log(`not delivered: ${message}`)
  }
}
createInterface({ input: process.stdin }).on('line', say)
let said = 0
const timer = INTERVAL_MS && setInterval(() => say(++said), Number(INTERVAL_MS))

function leave() {
  clearInterval(timer)
  process.stdin.destroy()
  socket.disconnect()
}
process.on('SIGINT', leave).on('SIGTERM', leave)
