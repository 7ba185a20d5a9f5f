import { RawConnection, type Target } from './connection.js'
import { Fault } from './fault.js'
import type { ResponseHead } from './response.js'
import type { ServedBy, Tally } from './tally.js'

/** One request and what is to be expected of its answer. */
export interface Exchange {
  send(connection: RawConnection): Promise<void>
  /** Reads the whole body and says what is wrong with it, if anything is. */
  check(body: AsyncIterable<Buffer>): Promise<string | undefined>
}

export interface ClientOptions {
  readonly workload: string
  /** The number of the client within its workload. */
  readonly index: number
  readonly tally: Tally
  readonly stallMs: number
  readonly requestMs: number
}

/**
 * One client with one connection, which it keeps until an answer says `Connection: close`. It never sends a
 * request twice: what fails is counted, and the next request starts on a new connection.
 */
export class Client {
  #connection: RawConnection | undefined
  /** Who answered last on the open connection, and who on any. */
  #onConnection: ServedBy | undefined
  #last: ServedBy | undefined
  #toldToClose = false

  constructor(
    private readonly target: Target,
    private readonly options: ClientOptions,
  ) {}

  /** Whether the latest answer said `Connection: close`. */
  get toldToClose(): boolean {
    return this.#toldToClose
  }

  /** Resolves to whether the answer was right. What was wrong is in the tally. */
  async request(exchange: Exchange): Promise<boolean> {
    const { tally, workload } = this.options
    const startedAt = performance.now()
    try {
      const connection = this.#reusable() ?? (await this.#open())
      const { keepAlive } = await this.#exchange(connection, exchange)
      tally.answered(workload, performance.now() - startedAt, this.#last)
      this.#toldToClose = !keepAlive
      if (keepAlive) return true
      tally.closedByAnswer++
      this.close()
      return true
    } catch (error) {
      if (!(error instanceof Fault)) throw error
      this.#fail(error)
      return false
    }
  }

  /** Waits between two requests, and counts it when the open connection ends meanwhile. */
  async think(ms: number): Promise<void> {
    if (!this.#connection) return pause(ms)
    await this.#connection.quiet(ms)
    this.#reusable()
  }

  /** Closes, after a last look at the open connection. */
  leave(): void {
    this.#reusable()
    this.close()
  }

  close(): void {
    this.#connection?.close()
    this.#connection = undefined
    this.options.tally.lastAnswer(this.#onConnection, undefined)
    this.#onConnection = undefined
  }

  async #open(): Promise<RawConnection> {
    this.#connection = await RawConnection.connect(this.target, this.options)
    this.options.tally.connectionsOpened++
    return this.#connection
  }

  /** The open connection, if nothing happened to it while it was idle. */
  #reusable(): RawConnection | undefined {
    const connection = this.#connection
    if (connection?.hasUnread) this.#fail(new Fault('malformed', 'bytes came that nobody had asked for'))
    else if (connection?.ending) this.#fail(new Fault('closed-unannounced', connection.ending.detail))
    return this.#connection
  }

  async #exchange(connection: RawConnection, exchange: Exchange): Promise<ResponseHead> {
    const { requestMs } = this.options
    const late = setTimeout(() => connection.abort(`not answered in ${requestMs} ms`), requestMs)
    try {
      await exchange.send(connection)
      const head = await connection.head()
      this.#note(head)
      await check(head, connection.body(head), exchange)
      return head
    } finally {
      clearTimeout(late)
    }
  }

  #note({ headers }: ResponseHead): void {
    const generation = headers.get('x-generation')
    if (generation === undefined) return
    const by = { generation: Number(generation), pid: Number(headers.get('x-pid')) }
    if (this.#onConnection && this.#onConnection.generation !== by.generation) this.options.tally.moved++
    this.options.tally.lastAnswer(this.#onConnection, by)
    this.#onConnection = by
    this.#last = by
  }

  #fail(fault: Fault): void {
    const { tally, workload, index } = this.options
    tally.failure(workload, index, fault, this.#last, this.#onConnection)
    this.close()
  }
}

export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}

async function check(head: ResponseHead, body: AsyncIterable<Buffer>, exchange: Exchange): Promise<void> {
  if (head.status !== 200) throw new Fault('status', `${head.status} ${await beginning(body)}`)
  const wrong = await exchange.check(body)
  if (wrong !== undefined) throw new Fault('wrong-body', wrong)
}

/** The beginning of a body that is only to be shown; the rest is not waited for. */
async function beginning(body: AsyncIterable<Buffer>): Promise<string> {
  for await (const chunk of body) return chunk.toString('utf8', 0, 200)
  return ''
}
