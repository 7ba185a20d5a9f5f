import net from 'node:net'
import { onTestFinished } from 'vitest'
import type { Target } from '../src/index.js'

/** Handles request number `n` on its connection. Numbers start at 0 and span all connections. */
export type Behavior = (socket: net.Socket, n: number) => void

/** A server that sends only what the test writes. It waits for each request head and ignores bodies. */
export async function hostile(behave: Behavior): Promise<Target> {
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

/** A port on which no server listens, because this function has just closed it. */
export async function deserted(): Promise<Target> {
  const server = net.createServer()
  const target = await listening(server)
  await new Promise((resolve) => server.close(resolve))
  return target
}

/** Starts the server on a free port. */
export async function listening(server: net.Server): Promise<{ port: number }> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('not listening on TCP')
  return { port: address.port }
}

/** A response with a Content-Length header. */
export function answer(body: string, { status = '200 OK', headers = '' } = {}): string {
  return `HTTP/1.1 ${status}\r\n${headers}Content-Length: ${body.length}\r\n\r\n${body}`
}
