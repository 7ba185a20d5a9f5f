// One socket in one namespace of test/fixtures/socket-io-rooms.mjs, and everything that it notices.
import { Manager, type Socket } from 'socket.io-client'
import { isPayload, payload } from '../fixtures/payload.mjs'
import { type Fact, LIMIT_MS } from './story.js'
import { until } from './until.js'

/** How the server sees a socket. */
interface Seen {
  readonly generation: number
  readonly pid: number
  readonly id: string
  readonly rooms: readonly string[]
  readonly auth: unknown
  readonly sent: number
  readonly received: number
  /** How many broadcasts this process has sent, by namespace and room. */
  readonly news: Readonly<Record<string, number>>
}

type Answer = (said: unknown) => void

/** A member shouts once in this many numbers. */
const shoutEvery = 10

export class RoomMember {
  readonly name: string
  readonly socket: Socket
  /** Events that were lost, doubled, out of order or garbled, and acknowledgements that failed. */
  readonly faults: string[] = []
  /** The reason of each disconnect. */
  readonly disconnects: string[] = []
  /** Questions of the server that have no answer yet. */
  readonly questions: Answer[] = []
  /** The generation that acknowledged the latest number. */
  heardFrom = 0
  pings = 0
  readonly #streams: readonly string[]
  /** The latest number of each sequence of events. */
  readonly #latest = new Map<string, number>()
  /** The generation of each process whose broadcasts have arrived. */
  readonly #senders = new Map<number, number>()
  #first: Seen | undefined
  #sent = 0
  #pending = 0
  #timer: NodeJS.Timeout | undefined
  #hasLeft = false

  /** Connects a client to these namespaces, over one WebSocket. */
  static connect(url: string, name: string, room: string, namespaces: readonly string[]): RoomMember[] {
    const manager = new Manager(url, { transports: ['websocket'], reconnection: false })
    return namespaces.map((nsp) => new RoomMember(manager, nsp, `${name} in ${nsp}`, room))
  }

  private constructor(manager: Manager, nsp: string, name: string, room: string) {
    this.name = name
    this.#streams = [`${nsp} ${room}`, `${nsp} all`]
    this.socket = manager.socket(nsp, { auth: { name, room } })
    this.#listen()
  }

  /** The generations whose broadcasts have arrived, in order: one entry for each process. */
  get senders(): number[] {
    return [...this.#senders.values()].sort((a, b) => a - b)
  }

  get isIdle(): boolean {
    return this.#pending === 0
  }

  /** Records how the server sees this member, and lets the server send. */
  async start(everyMs: number): Promise<void> {
    this.#first = await this.#who()
    await this.socket.timeout(LIMIT_MS).emitWithAck('start')
    if (everyMs > 0) this.#talk(everyMs, Math.random() * everyMs)
  }

  /** Stops sending, and compares both sides. */
  async conclude(): Promise<void> {
    clearTimeout(this.#timer)
    await until(`all numbers of ${this.name} are acknowledged`, () => this.isIdle)
    const { id, rooms, auth, generation } = await this.#who()
    const now = JSON.stringify({ id, rooms, auth })
    const before = JSON.stringify({ id: this.#first?.id, rooms: this.#first?.rooms, auth: this.#first?.auth })
    if (now !== before) this.#fault(`generation ${generation} sees ${now} instead of ${before}`)
  }

  /** The broadcasts that have not arrived, of all that a process has sent until its end. */
  missing({ pid, generation, news }: Fact): string[] {
    // With several workers, other members get the broadcasts of this process.
    if (!this.#senders.has(pid)) return []
    return this.#streams.flatMap((stream) => {
      const [sent = 0, got] = [(news as Seen['news'])[stream], this.#count(newsOf(pid, stream))]
      return sent === got
        ? []
        : `${this.name}: generation ${generation} sent ${sent} to ${stream}, got ${got}`
    })
  }

  /** How many broadcasts of a process to this member's room have arrived. */
  newsFrom(pid: number): number {
    return this.#count(newsOf(pid, this.#streams[0] as string))
  }

  /** How many events a process has emitted to this member after it had moved. */
  latesFrom(pid: number): number {
    return this.#count(`late of ${pid}`)
  }

  leave(): void {
    this.#hasLeft = true
    clearTimeout(this.#timer)
    this.socket.disconnect()
  }

  #listen(): void {
    this.socket.io.on('ping', () => this.pings++)
    this.socket.on('connect_error', (error) => this.#fault(String(error)))
    this.socket.on('disconnect', (reason) => {
      if (!this.#hasLeft) this.disconnects.push(reason)
      clearTimeout(this.#timer)
    })
    this.socket.on('number', (number: number, value: unknown, answer?: Answer) => {
      this.#next('number', number)
      this.#check('number', number, value)
      answer?.(number)
    })
    this.socket.on('shout', (from: string, number: number) => {
      if (from === this.name) this.#fault('got its own shout')
      this.#next(`shout of ${from}`, number)
    })
    this.socket.on('news', (pid: number, generation: number, stream: string, number: number, value) => {
      if (!this.#streams.includes(stream)) this.#fault(`got a broadcast to ${stream}`)
      this.#senders.set(pid, generation)
      this.#next(newsOf(pid, stream), number)
      this.#check(stream, number, value)
    })
    this.socket.on('late', (pid: number, number: number) => this.#next(`late of ${pid}`, number))
    this.socket.on('question', (_, answer: Answer) => this.questions.push(answer))
  }

  #talk(everyMs: number, delayMs: number): void {
    this.#timer = setTimeout(() => {
      this.#say(++this.#sent)
      this.#talk(everyMs, everyMs)
    }, delayMs)
  }

  #say(number: number): void {
    this.#pending++
    const acknowledged = (error: Error | null, said: number, generation: number) => {
      this.#pending--
      if (error ? this.disconnects.length === 0 : said !== number)
        this.#fault(`number ${number} was acknowledged with ${error ?? said}`)
      else if (!error) this.heardFrom = generation
    }
    this.socket.timeout(LIMIT_MS).emit('number', number, payload(number), acknowledged)
    if (number % shoutEvery === 0) this.socket.emit('shout', number / shoutEvery)
  }

  #who(): Promise<Seen> {
    return new Promise((resolve, reject) => {
      this.socket.timeout(LIMIT_MS).emit('who', (error: Error | null, seen: Seen) => {
        if (error) reject(new Error(`${this.name} got no answer (${error.message}): ${this.disconnects}`))
        else resolve(this.#compare(seen))
      })
    })
  }

  /** The answer arrives after all events that its process had sent. */
  #compare(seen: Seen): Seen {
    const { pid, sent, received, news } = seen
    if (sent !== this.#count('number')) this.#fault(`got ${this.#count('number')} of ${sent} numbers`)
    if (received !== this.#sent) this.#fault(`the server got ${received} of ${this.#sent} numbers`)
    for (const stream of this.#streams) {
      const [expected = 0, got] = [news[stream], this.#count(newsOf(pid, stream))]
      if (got !== expected) this.#fault(`got ${got} of ${expected} broadcasts of ${pid} to ${stream}`)
    }
    return seen
  }

  #count(sequence: string): number {
    return this.#latest.get(sequence) ?? 0
  }

  #next(sequence: string, number: number): void {
    const before = this.#count(sequence)
    if (number !== before + 1) this.#fault(`${sequence}: ${number} arrived after ${before}`)
    this.#latest.set(sequence, number)
  }

  #check(sequence: string, number: number, value: unknown): void {
    if (!isPayload(number, value)) this.#fault(`${sequence}: ${number} is garbled`)
  }

  #fault(message: string): void {
    this.faults.push(`${this.name}: ${message}`)
  }
}

const newsOf = (pid: number, stream: string) => `broadcast of ${pid} to ${stream}`
