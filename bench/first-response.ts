/** A client that sends requests on new connections until a given generation responds. */
import net from 'node:net'
import { setTimeout as pause } from 'node:timers/promises'

const limitMs = 30_000
const pauseMs = 1

/** Resolves with the time of the first response from this generation, from `performance.now()`. */
export async function firstResponse(port: number, generation: number): Promise<number> {
  const deadline = performance.now() + limitMs
  while (performance.now() < deadline) {
    if ((await ask(port)) === generation) return performance.now()
    await pause(pauseMs)
  }
  throw new Error(`generation ${generation} did not respond within ${limitMs} ms`)
}

/** The generation that responds, or undefined if no process listens yet. */
function ask(port: number): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    const socket = net.connect({ port, host: '127.0.0.1', noDelay: true })
    socket.on('connect', () => socket.write('GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n'))
    socket.once('data', (answer) => {
      resolve(Number(/^x-generation: (\d+)\r$/im.exec(answer.toString('latin1'))?.[1]))
      socket.destroy()
    })
    socket.on('error', (error: NodeJS.ErrnoException) =>
      error.code === 'ECONNREFUSED' ? resolve(undefined) : reject(error),
    )
    socket.on('end', () => reject(new Error('the server closed a connection without a response')))
  })
}

/** A free port below the range from which the kernel assigns ports. */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = 20_000 + Math.floor(Math.random() * 10_000)
    const free = await new Promise<boolean>((resolve) => {
      const server = net.createServer()
      server.once('error', () => resolve(false))
      server.listen({ port, host: '127.0.0.1' }, () => server.close(() => resolve(true)))
    })
    if (free) return port
  }
}
