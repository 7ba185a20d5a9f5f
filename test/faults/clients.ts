/** The clients of a round: some are busy, and some stay silent until the faults have ended. */
import {
  type Failure,
  Fault,
  keepAlive,
  mixedLoad,
  newConnections,
  RawConnection,
  slowRequests,
  Tally,
  type Target,
} from '@handover/load'
import type { Setup } from './plan.js'
import type { IdleConnection } from './round-log.js'

/** Longer than any fault delays a response, so that late responses still count. */
const patience = { stallMs: 30_000, requestMs: 30_000, maxMs: 180_000 }
const request = 'GET / HTTP/1.1\r\nHost: faults\r\n\r\n'

export class Clients {
  readonly #tally = new Tally()
  readonly #over = new AbortController()
  readonly #load: Promise<unknown>
  readonly #idle: readonly Idle[]

  private constructor(target: Target, setup: Setup['clients'], idle: readonly Idle[]) {
    this.#idle = idle
    this.#load = mixedLoad(target, {
      ...patience,
      tally: this.#tally,
      signal: this.#over.signal,
      workloads: [
        keepAlive({ clients: setup.keepAlive, think: { minMs: 0, maxMs: 80 } }),
        newConnections({ clients: setup.newConnections, think: { minMs: 5, maxMs: 60 } }),
        slowRequests({ clients: setup.slow, ms: setup.slowMs }),
      ],
    })
  }

  static async start(target: Target, setup: Setup['clients']): Promise<Clients> {
    const idle = await Promise.all(Array.from({ length: setup.idle }, () => Idle.open(target)))
    return new Clients(target, setup, idle)
  }

  /** Stops all clients and resolves when every pending response has arrived. */
  async stop(): Promise<{ failures: readonly Failure[]; idle: IdleConnection[] }> {
    this.#over.abort()
    await this.#load
    return { failures: this.#tally.failures, idle: await Promise.all(this.#idle.map((each) => each.wake())) }
  }
}

class Idle {
  readonly #connection: RawConnection
  readonly #first: number

  private constructor(connection: RawConnection, first: number) {
    this.#connection = connection
    this.#first = first
  }

  static async open(target: Target): Promise<Idle> {
    const connection = await RawConnection.connect(target, patience)
    return new Idle(connection, await ask(connection))
  }

  /** Sends another request and closes the connection. */
  async wake(): Promise<IdleConnection> {
    const { ending } = this.#connection
    try {
      const by = await ask(this.#connection)
      return { first: this.#first, outcome: 'answered', detail: `by ${by}` }
    } catch (error) {
      if (!(error instanceof Fault)) throw error
      const detail = ending ? `the connection had ended: ${ending.detail}` : `${error.kind}: ${error.message}`
      return { first: this.#first, outcome: 'failed', detail }
    } finally {
      this.#connection.close()
    }
  }
}

/** Sends a request and returns the pid of the process that answers. */
async function ask(connection: RawConnection): Promise<number> {
  await connection.write(request)
  const { status, headers } = await connection.response()
  if (status !== 200) throw new Fault('status', String(status))
  return Number(headers.get('x-pid'))
}

/** The process that answers on a new connection, or the reason why none does. */
export async function answerFrom(target: Target): Promise<number | string> {
  try {
    const connection = await RawConnection.connect(target, { stallMs: 10_000 })
    try {
      return await ask(connection)
    } finally {
      connection.close()
    }
  } catch (error) {
    return error instanceof Fault ? `${error.kind}: ${error.message}` : String(error)
  }
}
