import { once } from 'node:events'
import http from 'node:http'
import type { TcpTarget } from '@handover/load'
import { Manager, type ManagerOptions, type Socket, type SocketOptions } from 'socket.io-client'
import { onTestFinished } from 'vitest'
import type { Service, ServiceOptions } from './service.js'
import { until } from './until.js'

/** Longer than any wait of a test: a test may ask first, and wait for several other facts before the answer. */
const answerMs = 60_000

export const movingSocketIo = (more: object = {}, graceful: object = {}): ServiceOptions => ({
  config: { graceful: { probationMs: 50, ...graceful }, ...more },
})

/** What the fixture answers to `who`. */
export interface Who {
  readonly generation: number
  readonly id: string
  readonly pid: string | undefined
  readonly sid: string
  readonly rooms: string[]
  readonly data: string
  readonly recovered: boolean
  readonly connected: boolean
  readonly handshake: Record<string, unknown>
  readonly session?: { readonly user: string; readonly generation: number }
  readonly transport: string
  readonly protocol: number
  readonly upgraded: boolean
  readonly remoteAddress: string
}

/** Calls of methods, one on the result of the other. */
export type Steps = readonly (readonly [method: string, ...args: unknown[]])[]

export type ClientOptions = Partial<ManagerOptions & SocketOptions> & { readonly tls?: boolean }

/** A client that has connected one namespace. */
export class Client {
  readonly socket: Socket
  /** All events of the server, in order. */
  readonly events: unknown[][] = []
  /** Each `connect` and `disconnect`. */
  readonly changes: string[] = []

  constructor(socket: Socket) {
    this.socket = socket
    socket.onAny((...event) => this.events.push(event))
    socket.on('connect', () => this.changes.push('connect'))
    socket.on('disconnect', (reason) => this.changes.push(reason))
  }

  get target(): string {
    const { nsp } = this.socket as unknown as { nsp: string }
    return `${nsp}#${this.socket.id}`
  }

  who(): Promise<Who> {
    return this.ask('who')
  }

  /** Resolves when this generation has the client, which may have to reconnect. */
  async servedBy(generation: number): Promise<Who> {
    let who: Who | undefined
    await until(`generation ${generation} has the client`, async () => {
      who = await this.who().catch(() => undefined)
      return who?.generation === generation
    })
    return who as unknown as Who
  }

  ask<T>(event: string, ...args: unknown[]): Promise<T> {
    return this.socket.timeout(answerMs).emitWithAck(event, ...args)
  }

  /** Calls methods of the client's socket in the process that has it. */
  run<T>(...steps: Steps): Promise<T> {
    return this.ask('run', steps)
  }

  received(event: string): unknown[][] {
    return this.events.filter(([name]) => name === event).map(([, ...args]) => args)
  }

  async has(event: string, count = 1): Promise<void> {
    await until(`the client has ${count} × ${event}`, () => this.received(event).length >= count)
  }
}

export function manager(service: Pick<Service, 'target'>, { tls, ...options }: ClientOptions = {}): Manager {
  const { port } = service.target as TcpTarget
  const made = new Manager(`${tls ? 'https' : 'http'}://127.0.0.1:${port}`, {
    transports: ['websocket'],
    reconnectionDelay: 10,
    reconnectionDelayMax: 20,
    rejectUnauthorized: false,
    ...options,
  })
  onTestFinished(() => {
    made.reconnection(false)
    made._close()
  })
  return made
}

/** Connects a client to a namespace; with `of`, on the connection of another client. */
export async function connect(
  service: Pick<Service, 'target'>,
  { nsp = '/', of, ...options }: ClientOptions & { nsp?: string; of?: Client } = {},
): Promise<Client> {
  const client = new Client((of?.socket.io ?? manager(service, options)).socket(nsp, options))
  await until(`a client has connected ${nsp}`, () => client.socket.connected)
  return client
}

/** Keeps the generation that serves now from finishing its drain, and calls methods in it. */
export class Control {
  readonly #request: http.ClientRequest
  readonly #answers = new Map<number, (answer: unknown) => void>()
  #calls = 0

  private constructor(request: http.ClientRequest, response: http.IncomingMessage) {
    this.#request = request
    let text = ''
    response.on('error', () => {})
    response.setEncoding('utf8').on('data', (chunk) => {
      const lines = (text + chunk).split('\n')
      text = lines.pop() ?? ''
      for (const [number, answer] of lines.map((line) => JSON.parse(line)))
        this.#answers.get(number)?.(answer)
    })
  }

  static async open(service: Service): Promise<Control> {
    const { port } = service.target as TcpTarget
    const request = http.request({ port, method: 'POST', path: '/control', agent: false })
    request.on('error', () => {})
    onTestFinished(() => void request.destroy())
    request.flushHeaders()
    const [response] = await once(request, 'response')
    return new Control(request, response)
  }

  /** Calls methods of a namespace, or of the socket of a client: see `Client.target`. */
  async call<T = unknown>(target: string, ...steps: Steps): Promise<T> {
    const number = ++this.#calls
    this.#request.write(`${JSON.stringify([number, target, steps])}\n`)
    let answer: { value: unknown } | undefined
    this.#answers.set(number, (value) => {
      answer = { value }
    })
    await until(`the command for ${target} has run`, () => answer !== undefined, answerMs)
    return answer?.value as T
  }

  end(): void {
    this.#request.end()
  }
}
