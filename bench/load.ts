/**
 * The load process: each keep-alive connection sends its next request after a complete response. It counts bytes and
 * parses nothing, so that it needs less CPU time than any server. A saturated load would hide the server's cost.
 */
import net from 'node:net'

export interface LoadOrder {
  readonly port: number
  readonly ms: number
  /**
   * Counts from this time after the connections open, or after the last of them has moved to another worker. The header
   * after the status line names the worker.
   */
  readonly settleMs?: number
  /** With `settleMs`: the number of workers, which get equal shares of the connections. */
  readonly workers?: number
  /** The number of concurrent connections. */
  readonly connections: number
  /** The number of requests before a client opens a new connection. If absent, it keeps its first connection. */
  readonly requestsEach?: number
}

export interface LoadCount {
  readonly requests: number
  readonly ms: number
}

const head = Buffer.from('HTTP/1.1 200 OK\r\n')
const workerHead = Buffer.from('x-pid: ')
const workerAt = head.length + workerHead.length
const workerBytes = 7
const readBufferBytes = 4 * 1024

async function run(order: LoadOrder): Promise<LoadCount> {
  const { port, ms, settleMs = 0, workers = 1, connections, requestsEach } = order
  const answerBytes = await lengthOfAnswer(port)
  const period = new Period(ms, settleMs)
  const shares = new Shares(Math.ceil(connections / workers))
  const client = () => oneClient({ port, answerBytes, period, shares, requestsEach })
  const counts = await Promise.all(Array.from({ length: connections }, client))
  const requests = counts.reduce((sum, count) => sum + count, 0)
  return { requests, ms: performance.now() - period.startsAt }
}

/** The time in which responses count. */
class Period {
  readonly #ms: number
  readonly #settleMs: number
  startsAt = 0

  constructor(ms: number, settleMs: number) {
    this.#ms = ms
    this.#settleMs = settleMs
    this.restart()
  }

  get endsAt(): number {
    return this.startsAt + this.#ms
  }

  isSettling(now: number): boolean {
    return this.#settleMs > 0 && now < this.startsAt
  }

  restart(): void {
    this.startsAt = performance.now() + this.#settleMs
  }
}

/** The number of connections to each worker. */
class Shares {
  readonly #most: number
  readonly #counts = new Map<string, number>()

  constructor(most: number) {
    this.#most = most
  }

  /** Counts the connection instead for the worker that serves it now. Returns `false` if that worker has its share. */
  change(before: string | undefined, worker: string): boolean {
    if (before !== undefined) this.#counts.set(before, (this.#counts.get(before) ?? 0) - 1)
    const count = this.#counts.get(worker) ?? 0
    if (count >= this.#most) return false
    this.#counts.set(worker, count + 1)
    return true
  }
}

/** All responses have the same length, because only their dates differ. */
function lengthOfAnswer(port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    const socket = net.connect({ port, host: '127.0.0.1' })
    socket.on('error', reject)
    socket.on('connect', () => socket.write(requestTo(port)))
    socket.once('data', (answer) => {
      socket.destroy()
      if (answer.indexOf(head) === 0) resolve(answer.length)
      else reject(new Error(`unexpected response: ${answer}`))
    })
  })
}

interface Client {
  readonly port: number
  readonly answerBytes: number
  readonly period: Period
  readonly shares: Shares
  readonly requestsEach: number | undefined
}

/** Opens one connection after the other. Resolves with the number of responses. */
async function oneClient(client: Client): Promise<number> {
  let answers = 0
  do answers += await oneConnection(client)
  while (performance.now() < client.period.endsAt)
  return answers
}

/** Resolves with the number of counted responses when the connection closes. */
function oneConnection(client: Client): Promise<number> {
  const { port, answerBytes, period, shares, requestsEach = Infinity } = client
  const request = requestTo(port)
  return new Promise((resolve, reject) => {
    let answers = 0
    let counted = 0
    let received = 0
    let worker: string | undefined
    /** Returns `false` if the connection has to be replaced. */
    const settle = (buffer: Uint8Array): boolean => {
      if (workerHead.compare(buffer, head.length, workerAt) !== 0) return true
      const before = worker
      worker = Buffer.from(buffer.subarray(workerAt, workerAt + workerBytes)).toString('latin1')
      if (before === worker) return true
      const stays = shares.change(before, worker)
      if (before !== undefined || !stays) period.restart()
      return stays
    }
    const callback = (bytes: number, buffer: Uint8Array): boolean => {
      if (received === 0 && head.compare(buffer, 0, head.length) !== 0) return fail('unexpected response')
      const now = performance.now()
      if (received === 0 && period.isSettling(now) && !settle(buffer)) {
        socket.destroy()
        return false
      }
      received += bytes
      if (received > answerBytes) return fail(`${received} bytes instead of ${answerBytes}`)
      if (received < answerBytes) return true
      received = 0
      answers++
      if (now >= period.startsAt) counted++
      if (answers < requestsEach && now < period.endsAt) socket.write(request)
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
