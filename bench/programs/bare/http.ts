/**
 * The baseline for moving: accepts a given number of connections, passes all of them to another process with
 * `subprocess.send(message, handle)`, one by one, and reports how long that took.
 */
import { fork } from 'node:child_process'
import { once } from 'node:events'
import net from 'node:net'
import { fileURLToPath } from 'node:url'
import { listen, tell, tellListening } from '../program.js'

const count = Number(process.argv[4])

if (process.send) receive()
else pass(await connections())

function receive(): void {
  const kept: unknown[] = []
  process.on('message', (_message, handle) => {
    if (kept.push(handle) === count) process.send?.('all')
  })
  process.send?.('ready')
}

function connections(): Promise<net.Socket[]> {
  return new Promise((resolve) => {
    const sockets: net.Socket[] = []
    const server = net.createServer({ pauseOnConnect: true }, (socket) => {
      if (sockets.push(socket) === count) resolve(sockets)
    })
    server.listen(listen, () => tellListening(server))
  })
}

async function pass(sockets: readonly net.Socket[]): Promise<void> {
  const receiver = fork(fileURLToPath(import.meta.url), process.argv.slice(2))
  await once(receiver, 'message')
  const startedAt = performance.now()
  for (const [id, socket] of sockets.entries()) receiver.send({ id }, socket)
  await once(receiver, 'message')
  tell('passed', { ms: performance.now() - startedAt })
}
