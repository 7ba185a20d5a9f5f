import net from 'node:net'
import { onTestFinished } from 'vitest'
import type { Target } from '../src/index.js'

/** What a hostile server does with request number `n` (from 0, over all connections), and its connection. */
export type Behaviour = (socket: net.Socket, n: number) => void

/** A server that speaks no HTTP but what the test writes out. It waits for each head and ignores bodies. */
export async function hostile(behave: Behaviour): Promise<Target> {
  let requests = 0
  const sockets = new Set<net.Socket>()
  const server = net.createServer((socket) => {
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket))
    socket.on('error', () => {})
    let head = ''
    socket.on('data', (chunk) => {
      head += chunk.toString('latin1')
      if (!head.includes('\r\n\r\n')) return
      head = ''
      behave(socket, requests++)
    })
  })
  onTestFinished(() => {
    server.close()
    for (const socket of sockets) socket.destroy()
  })
  return listening(server)
}

/** A port on which nobody listens, because somebody just did. */
export async function deserted(): Promise<Target> {
  const server = net.createServer()
  const target = await listening(server)
  await new Promise((resolve) => server.close(resolve))
  return target
}

/** Starts it on a free port. */
export async function listening(server: net.Server): Promise<{ port: number }> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('not listening on TCP')
  return { port: address.port }
}

/** An answer with a length. */
export function answer(body: string, { status = '200 OK', headers = '' } = {}): string {
  return `HTTP/1.1 ${status}\r\n${headers}Content-Length: ${body.length}\r\n\r\n${body}`
}
