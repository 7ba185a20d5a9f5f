// Answers each line "ping" with "pong", its generation and its pid, until the client disconnects.
import net from 'node:net'
import { createInterface } from 'node:readline'
import { graceful } from '@handover/core'

const server = net.createServer((socket) => {
  const lines = createInterface(socket)
  lines.on('line', (line) => {
    if (line === 'ping') socket.write(`pong from generation ${handle.generation}, pid ${process.pid}\n`)
  })
  lines.on('error', (error) => console.log(`a connection failed: ${error.message}`))
})

const handle = graceful(server, { drainTimeoutMs: Number(process.env.DRAIN_TIMEOUT_MS ?? 30_000) })

server.listen(Number(process.env.PORT ?? 3000), () => {
  console.log(`pid ${process.pid} listens on port ${server.address().port}`)
})
