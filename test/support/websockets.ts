import { once } from 'node:events'
import { setTimeout as pause } from 'node:timers/promises'
import type { Target } from '@handover/load'
import { expect } from 'vitest'
import { type ClientOptions, WebSocket } from 'ws'
import { read, send } from '../fixtures/numbered.mjs'
import type { Service, ServiceOptions } from './service.js'
import { LIMIT_MS } from './story.js'

/** The configuration of a fixture whose WebSockets move. */
export const moving = (more: object = {}, graceful: object = {}): ServiceOptions => ({
  config: { graceful: { probationMs: 50, ...graceful }, ...more },
})

/** The parameters of permessage-deflate with which a compressed WebSocket can move. */
export const withoutContext = { serverNoContextTakeover: true, clientNoContextTakeover: true }

/** The close code and reason of a WebSocket, and the time. */
export interface Closing {
  readonly code: number
  readonly reason: string
  readonly at: number
}

/** A client of the WebSocket fixtures. It never reconnects and records every fault. */
export class Conversation {
  readonly websocket: WebSocket
  /** Messages that were lost, duplicated, out of order or garbled, and errors. */
  readonly faults: string[] = []
  /** All text replies of the service. */
  readonly words: string[] = []
  /** The sender of the latest numbered message. */
  heardFrom = ''
  received = 0
  sent = 0
  closing: Closing | undefined
  readonly #late = new Map<string, number>()
  #talking: Promise<void> = Promise.resolve()
  #turn: Promise<void> = Promise.resolve()
  #stopped = false

  private constructor(websocket: WebSocket) {
    this.websocket = websocket
    websocket.on('message', (data: Buffer, isBinary) => this.#hear(data, isBinary))
    websocket.on('error', ({ message }) => this.faults.push(message))
    websocket.on('close', (code, reason) => {
      this.closing = { code, reason: reason.toString(), at: performance.now() }
    })
  }

  static async open(
    target: Target,
    path = '/',
    options: ClientOptions = {},
    protocols: string[] = [],
  ): Promise<Conversation> {
    const websocket = new WebSocket(urlOf(target, path), protocols, {
      rejectUnauthorized: false,
      ...options,
    })
    const conversation = new Conversation(websocket)
    await once(websocket, 'open')
    return conversation
  }

  /** Starts to send a numbered message every `everyMs`. */
  talk(everyMs: number): void {
    this.#talking = this.#talk(everyMs)
  }

  /** Stops sending and checks that both sides count the same messages. Differences go to `faults`. */
  async conclude(): Promise<void> {
    this.#stopped = true
    await this.#talking
    const [received, sent] = (await this.ask('sum')).map(Number)
    if (received !== this.sent) this.faults.push(`${this.sent} sent, but the service received ${received}`)
    if ((sent ?? 0) > this.received)
      this.faults.push(`${sent} sent by the service, but ${this.received} received`)
  }

  /** Sends a command. Resolves with the arguments of the reply, which starts with the name of the command. */
  async ask(question: string): Promise<string[]> {
    const from = this.words.length
    await this.#inTurn(async () => this.websocket.send(question))
    const [word] = question.split(' ')
    const answer = await this.word((said) => said.startsWith(`${word} `), from)
    return answer.split(' ').slice(1)
  }

  /** The generation that serves this WebSocket. */
  async who(): Promise<number> {
    return Number((await this.ask('who'))[0])
  }

  /** Waits for the first matching reply at or after index `from`. */
  async word(matches: (said: string) => boolean, from = 0): Promise<string> {
    const deadline = AbortSignal.timeout(LIMIT_MS)
    for (;;) {
      const said = this.words.slice(from).find(matches)
      if (said !== undefined) return said
      if (this.closing) throw new Error(`closed with code ${this.closing.code} instead of a reply`)
      const event = new AbortController()
      const signal = AbortSignal.any([deadline, event.signal])
      await Promise.race([
        once(this.websocket, 'message', { signal }),
        once(this.websocket, 'close', { signal }),
      ]).finally(() => event.abort())
    }
  }

  async closed(): Promise<Closing> {
    if (!this.closing) await once(this.websocket, 'close', { signal: AbortSignal.timeout(LIMIT_MS) })
    return this.closing as Closing
  }

  close(): void {
    this.#stopped = true
    this.websocket.terminate()
  }

  /** Runs one task at a time, so that no other message gets between the fragments of a message. */
  #inTurn(work: () => Promise<void>): Promise<void> {
    this.#turn = this.#turn.then(work)
    return this.#turn
  }

  #hear(data: Buffer, isBinary: boolean): void {
    const text = data.length < 100 ? data.toString() : ''
    if (/^late /.test(text)) this.#hearLate(text)
    else if (/^[a-z]/.test(text)) this.words.push(text)
    else this.#hearNumber(data, isBinary)
  }

  #hearNumber(data: Buffer, isBinary: boolean): void {
    try {
      const { number, who } = read(data, isBinary)
      if (number !== this.received + 1)
        this.faults.push(`number ${number} from ${who} arrived after ${this.received}`)
      this.received = number
      this.heardFrom = who
    } catch (error) {
      this.faults.push(String(error))
    }
  }

  #hearLate(text: string): void {
    const [, generation = '', number] = text.split(' ')
    const before = this.#late.get(generation) ?? 0
    if (Number(number) !== before + 1) this.faults.push(`${text} arrived after ${before}`)
    this.#late.set(generation, Number(number))
    this.words.push(text)
  }

  async #talk(everyMs: number): Promise<void> {
    await pause(Math.random() * everyMs)
    while (!this.#stopped && this.websocket.readyState === WebSocket.OPEN) {
      await this.#inTurn(() => send(this.websocket, ++this.sent, 'client'))
      await pause(everyMs)
    }
  }
}

/** Opens WebSockets, 100 at a time so that the accept queue does not overflow. */
export async function openConversations(
  target: Target,
  count: number,
  options: ClientOptions = {},
): Promise<Conversation[]> {
  const all: Conversation[] = []
  while (all.length < count) {
    const some = Array.from({ length: Math.min(100, count - all.length) }, () =>
      Conversation.open(target, '/', options),
    )
    all.push(...(await Promise.all(some)))
  }
  return all
}

/** Expects that all WebSockets are open and that no message was lost, duplicated or reordered on either side. */
export async function expectIntact(service: Service, conversations: readonly Conversation[]): Promise<void> {
  await Promise.all(conversations.map((conversation) => conversation.conclude()))
  expect(conversations.flatMap(({ faults }) => faults)).toEqual([])
  expect(conversations.filter(({ closing }) => closing)).toEqual([])
  expect(service.facts.filter(({ event }) => event === 'websocket-error')).toEqual([])
  for (const conversation of conversations) conversation.close()
}

function urlOf(target: Target, path: string): string {
  if ('path' in target) return `ws+unix:${target.path}:${path}`
  return `${target.tls ? 'wss' : 'ws'}://${target.host ?? '127.0.0.1'}:${target.port}${path}`
}
