import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import type { IdleAnswer, IdleOrder } from './idle-process.js'

/** The kernel assigns about 28,000 ports per local address (ip(7), ip_local_port_range). */
const perAddress = 10_000
const addresses = 250

/** Never reuses an address soon, because closed connections keep their ports for a minute. */
let nextAddress = 0

/** Controls a process that holds idle connections (idle-process.ts). It ends with this process. */
export class IdleConnections {
  readonly #process: ChildProcess

  constructor() {
    const program = fileURLToPath(new URL('idle-process.js', import.meta.url))
    this.#process = spawn(process.execPath, [program], { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] })
  }

  /** Opens connections from several loopback addresses and gets one response on each. */
  open(port: number, count: number): Promise<void> {
    const first = nextAddress
    nextAddress += Math.ceil(count / perAddress)
    const connections = Array.from({ length: count }, (_, i) => {
      const address = (first + Math.floor(i / perAddress)) % addresses
      return `127.0.1.${1 + address}`
    })
    return this.#order({ do: 'open', port, connections })
  }

  /** Sends a request on each connection and expects responses from this generation. */
  ask(generation: number): Promise<void> {
    return this.#order({ do: 'ask', generation })
  }

  async stop(): Promise<void> {
    const gone = once(this.#process, 'exit')
    this.#process.kill('SIGKILL')
    await gone
  }

  async #order(order: IdleOrder): Promise<void> {
    const ended = new AbortController()
    const exit = once(this.#process, 'exit', { signal: ended.signal }).then(() => {
      throw new Error('the process with the idle connections has exited')
    })
    const answer = once(this.#process, 'message', { signal: ended.signal })
    this.#process.send(order)
    try {
      const [{ error }] = (await Promise.race([answer, exit])) as [IdleAnswer]
      if (error !== undefined) throw new Error(error)
    } finally {
      ended.abort()
      exit.catch(() => {})
      answer.catch(() => {})
    }
  }
}
