import { RawConnection, type Target } from './connection.js'
import { Fault } from './fault.js'
import type { ResponseHead } from './response.js'
import type { ServedBy, Tally } from './tally.js'

/** One request, and the check of its response. */
export interface Exchange {
  send(connection: RawConnection): Promise<void>
  /** Reads the whole body. Resolves with a description of what is wrong with it, or with `undefined`. */
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
 * One client with one connection, which it keeps until a response says `Connection: close`. It never sends a request
 * twice: it counts a failure, and sends the next request on a new connection.
 */
export class Client {
  #connection: RawConnection | undefined
  /** The process that sent the last response on the open connection, ... */
  #onConnection: ServedBy | undefined
  /** ... and on any connection. */
  #last: ServedBy | undefined
  #closeAnnounced = false

  constructor(
    private readonly target: Target,
    private readonly options: ClientOptions,
  ) {}

  /** Whether the latest response said `Connection: close`. */
  get closeAnnounced(): boolean {
    return this.#closeAnnounced
  }

  /** Resolves to whether the response was as expected. The tally has the failure. */
  async request(exchange: Exchange): Promise<boolean> {
    const { tally, workload } = this.options
    const startedAt = performance.now()
    try {
      const connection = this.#reusable() ?? (await this.#open())
      const { keepAlive } = await this.#exchange(connection, exchange)
      tally.answered(workload, performance.now() - startedAt, this.#last)
      this.#closeAnnounced = !keepAlive
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

  /** Waits between two requests. Counts a failure if the open connection ends in the meantime. */
  async think(ms: number): Promise<void> {
    if (!this.#connection) return pause(ms)
    await this.#connection.quiet(ms)
    this.#reusable()
  }

  /** Checks the open connection once more, and closes it. */
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

  /** The open connection, unless it received bytes or ended while it was idle. */
  #reusable(): RawConnection | undefined {
    const connection = this.#connection
    if (connection?.hasUnread) this.#fail(new Fault('malformed', 'bytes arrived without a request'))
    else if (connection?.ending) this.#fail(new Fault('closed-unannounced', connection.ending.detail))
    return this.#connection
  }

  async #exchange(connection: RawConnection, exchange: Exchange): Promise<ResponseHead> {
    const { requestMs } = this.options
    const timer = setTimeout(() => connection.abort(`no complete response within ${requestMs} ms`), requestMs)
    try {
      await exchange.send(connection)
      const head = await connection.head()
      this.#note(head)
      await check(head, connection.body(head), exchange)
      return head
    } finally {
      clearTimeout(timer)
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

/** The beginning of a body, for an error message. Does not wait for the rest of the body. */
async function beginning(body: AsyncIterable<Buffer>): Promise<string> {
  for await (const chunk of body) return chunk.toString('utf8', 0, 200)
  return ''
}
