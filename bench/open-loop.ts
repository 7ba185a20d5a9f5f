/**
 * An open-loop load: requests arrive at random times that do not depend on the responses, and the latency of each counts
 * from its planned arrival. A client that waits for its response before it plans the next request would omit the
 * requests that a stall delays (coordinated omission).
 */
import { once } from 'node:events'
import net from 'node:net'
import { Histogram } from '@handover/load'

const request = 'GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n'
const head = Buffer.from('HTTP/1.1 200 OK\r\n')
/** How many connections to open at once, few enough for the accept queue. */
const atOnce = 200
/** How many connections are busy while the load measures the capacity of the server. */
const saturating = 64

/** A request that has arrived, and the histogram of the window in which it arrived. */
interface Arrival {
  readonly plannedAt: number
  readonly latencies: Histogram
}

interface Client {
  readonly socket: net.Socket
  arrival: Arrival | undefined
  received: number
}

export class OpenLoop {
  readonly #port: number
  readonly #clients: Client[] = []
  /** Clients without a request, the longest idle first, and arrivals that wait for one. */
  readonly #idle = new Queue<Client>()
  readonly #waiting = new Queue<Arrival>()
  #answerBytes = 0
  #latencies = new Histogram()
  #timer: NodeJS.Timeout | undefined
  #outstanding = 0
  #onAnswered: () => void = () => {}
  #failure: Error | undefined

  constructor(port: number) {
    this.#port = port
  }

  /** Opens the connections and sends one request on each. */
  async open(count: number): Promise<void> {
    while (this.#clients.length < count) {
      const size = Math.min(this.#answerBytes === 0 ? 1 : atOnce, count - this.#clients.length)
      await Promise.all(Array.from({ length: size }, () => this.#connect()))
    }
  }

  /** Keeps connections busy for `ms`, and returns the responses per second. */
  async capacity(ms: number): Promise<number> {
    const startedAt = performance.now()
    let answered = 0
    this.#onAnswered = () => {
      answered++
      if (performance.now() - startedAt < ms) this.#arrive(performance.now())
    }
    for (let i = 0; i < Math.min(saturating, this.#clients.length); i++) this.#arrive(performance.now())
    await this.#untilAnswered()
    this.#onAnswered = () => {}
    return (1000 * answered) / (performance.now() - startedAt)
  }

  /** Requests arrive at this mean rate, with exponentially distributed gaps (a Poisson process), until {@link end}. */
  start(perSecond: number): void {
    let next = performance.now()
    // Timers have a resolution of 1 ms. A request that a timer sends late is late: its latency counts from `next`.
    this.#timer = setInterval(() => {
      for (
        const now = performance.now();
        next <= now;
        next += (-1000 / perSecond) * Math.log(1 - Math.random())
      )
        this.#arrive(next)
    }, 1)
  }

  /** Begins a window: returns the latencies of the requests that arrive from now on. Complete after {@link end}. */
  window(): Histogram {
    this.#latencies = new Histogram()
    return this.#latencies
  }

  /** Stops the arrivals, waits for the outstanding responses and closes the connections. */
  async end(): Promise<void> {
    clearInterval(this.#timer)
    await this.#untilAnswered()
    for (const { socket } of this.#clients) socket.removeAllListeners('close').destroy()
  }

  async #untilAnswered(): Promise<void> {
    while (this.#outstanding > 0 && !this.#failure) await new Promise((resolve) => setTimeout(resolve, 5))
    if (this.#failure) throw this.#failure
  }

  #arrive(plannedAt: number): void {
    this.#outstanding++
    const arrival = { plannedAt, latencies: this.#latencies }
    const client = this.#idle.take()
    if (client) this.#send(client, arrival)
    else this.#waiting.add(arrival)
  }

  #send(client: Client, arrival: Arrival): void {
    client.arrival = arrival
    client.received = 0
    client.socket.write(request)
  }

  async #connect(): Promise<void> {
    const socket = net.connect({ port: this.#port, host: '127.0.0.1', noDelay: true })
    const client: Client = { socket, arrival: undefined, received: 0 }
    this.#clients.push(client)
    await once(socket, 'connect')
    socket.write(request)
    const [first] = (await once(socket, 'data')) as [Buffer]
    this.#answerBytes ||= first.length
    socket.on('data', (bytes) => this.#onData(client, bytes))
    socket.on('error', (error) => this.#fail(error))
    socket.on('close', () => this.#fail(new Error('the server closed a connection')))
    this.#idle.add(client)
  }

  #onData(client: Client, bytes: Buffer): void {
    const { arrival } = client
    const isHead = client.received > 0 || head.compare(bytes, 0, head.length) === 0
    client.received += bytes.length
    if (!arrival || !isHead || client.received > this.#answerBytes)
      this.#fail(new Error(`unexpected response: ${bytes}`))
    else if (client.received === this.#answerBytes) this.#answered(client, arrival)
  }

  #answered(client: Client, { plannedAt, latencies }: Arrival): void {
    latencies.record(performance.now() - plannedAt)
    this.#outstanding--
    client.arrival = undefined
    const next = this.#waiting.take()
    if (next) this.#send(client, next)
    else this.#idle.add(client)
    this.#onAnswered()
  }

  #fail(error: Error): void {
    this.#failure ??= error
  }
}

/** First in, first out, without moving the remaining items. */
class Queue<T> {
  #in: T[] = []
  #out: T[] = []

  add(item: T): void {
    this.#in.push(item)
  }

  take(): T | undefined {
    if (this.#out.length === 0) {
      this.#out = this.#in.reverse()
      this.#in = []
    }
    return this.#out.pop()
  }
}
