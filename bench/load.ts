/**
 * The load, a process of its own: keep-alive connections that each send the next request when the answer to the
 * last one is whole. It counts bytes and parses nothing, so that it needs less of a core than any server does:
 * a load that is itself at its limit would hide what the server costs.
 */
import net from 'node:net'

export interface LoadOrder {
  readonly port: number
  readonly ms: number
  /** How long it goes on before it is counted, on the same connections. */
  readonly settleMs?: number
  /** At a time. */
  readonly connections: number
  /** After so many requests a client makes a new connection; absent: it keeps the first. */
  readonly requestsEach?: number
}

export interface LoadCount {
  readonly requests: number
  readonly ms: number
}

const head = Buffer.from('HTTP/1.1 200 OK\r\n')
const readBufferBytes = 4 * 1024

async function run({ port, ms, settleMs = 0, connections, requestsEach }: LoadOrder): Promise<LoadCount> {
  const answerBytes = await lengthOfAnswer(port)
  const startsAt = performance.now() + settleMs
  const endsAt = startsAt + ms
  const client = () => oneClient({ port, answerBytes, startsAt, endsAt, requestsEach })
  const counts = await Promise.all(Array.from({ length: connections }, client))
  const requests = counts.reduce((sum, count) => sum + count, 0)
  return { requests, ms: performance.now() - startsAt }
}

/** All answers have the same length, since they differ in the time of day only. */
function lengthOfAnswer(port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    const socket = net.connect({ port, host: '127.0.0.1' })
    socket.on('error', reject)
    socket.on('connect', () => socket.write(requestTo(port)))
    socket.once('data', (answer) => {
      socket.destroy()
      if (answer.indexOf(head) === 0) resolve(answer.length)
      else reject(new Error(`not the expected answer: ${answer}`))
    })
  })
}

interface Client {
  readonly port: number
  readonly answerBytes: number
  /** Answers before that are not counted. */
  readonly startsAt: number
  readonly endsAt: number
  readonly requestsEach: number | undefined
}

/** One connection after the other. Resolves with the number of answers. */
async function oneClient(client: Client): Promise<number> {
  let answers = 0
  do answers += await oneConnection(client)
  while (performance.now() < client.endsAt)
  return answers
}

/** Resolves with the number of answers, when the connection closes after its last one. */
function oneConnection({
  port,
  answerBytes,
  startsAt,
  endsAt,
  requestsEach = Infinity,
}: Client): Promise<number> {
  const request = requestTo(port)
  return new Promise((resolve, reject) => {
    let answers = 0
    let counted = 0
    let received = 0
    const callback = (bytes: number, buffer: Uint8Array): boolean => {
      if (received === 0 && head.compare(buffer, 0, head.length) !== 0) return fail('another answer')
      received += bytes
      if (received > answerBytes) return fail(`${received} bytes instead of ${answerBytes}`)
      if (received < answerBytes) return true
      received = 0
      answers++
      const now = performance.now()
      if (now >= startsAt) counted++
      if (answers < requestsEach && now < endsAt) socket.write(request)
      else socket.destroy()
      return true
    }
    const fail = (why: string): false => {
      socket.destroy(new Error(why))
      return false
    }
    const onread = { buffer: Buffer.allocUnsafe(readBufferBytes), callback }
    const socket = net.connect({ port, host: '127.0.0.1', noDelay: true, onread })
    socket.on('connect', () => socket.write(request))
    socket.on('error', reject)
    socket.on('end', () => reject(new Error('the server closed a connection')))
    socket.on('close', () => resolve(counted))
  })
}

const requestTo = (port: number): string => `GET / HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\n\r\n`

process.on('message', (order) => {
  void run(order as LoadOrder).then((count) => process.send?.(count))
})
process.on('disconnect', () => process.exit())
