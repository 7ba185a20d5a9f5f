/** A client that asks again and again, with a new connection each time, until the generation it wants answers. */
import net from 'node:net'
import { setTimeout as pause } from 'node:timers/promises'

const limitMs = 30_000
const pauseMs = 1

/** Resolves with the time of the first answer of that generation (`performance.now()`). */
export async function firstAnswer(port: number, generation: number): Promise<number> {
  const deadline = performance.now() + limitMs
  while (performance.now() < deadline) {
    if ((await ask(port)) === generation) return performance.now()
    await pause(pauseMs)
  }
  throw new Error(`generation ${generation} did not answer within ${limitMs} ms`)
}

/** Who answers; `undefined` when nobody listens yet. */
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
    socket.on('end', () => reject(new Error('a connection was closed without an answer')))
  })
}

/** A port that nobody uses, below those that the kernel gives away. */
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
