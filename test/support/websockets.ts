import { once } from 'node:events'
import { setTimeout as pause } from 'node:timers/promises'
import type { Target } from '@handover/load'
import { type ClientOptions, WebSocket } from 'ws'
import { read, send } from '../fixtures/numbered.mjs'
import type { ServiceOptions } from './service.js'
import { LIMIT_MS } from './story.js'

/** What the fixtures are told, so that WebSockets move. */
export const moving = (more: object = {}, graceful: object = {}): ServiceOptions => ({
  config: { graceful: { probationMs: 50, ...graceful }, ...more },
})

/** How it ended, and when. */
export interface Closing {
  readonly code: number
  readonly reason: string
  readonly at: number
}

/** A client of the WebSocket fixtures. It never connects again, and notes everything that is not as it must be. */
export class Conversation {
  readonly websocket: WebSocket
  /** What was lost, doubled, out of order or garbled. */
  readonly faults: string[] = []
  /** Everything that was said in words. */
  readonly words: string[] = []
  /** Who sent the last numbered message. */
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

  /** From now on a numbered message so often. */
  talk(everyMs: number): void {
    this.#talking = this.#talk(everyMs)
  }

  /** Says no more; resolves when both sides agree on what was said, or rejects. */
  async conclude(): Promise<void> {
    this.#stopped = true
    await this.#talking
    const [received, sent] = (await this.ask('sum')).map(Number)
    if (received !== this.sent) this.faults.push(`${this.sent} were sent, and ${received} came`)
    if ((sent ?? 0) > this.received) this.faults.push(`${sent} were sent to us, and ${this.received} came`)
  }

  /** Asks in a word; the rest of the answer, which begins with the same word. */
  async ask(question: string): Promise<string[]> {
    const from = this.words.length
    await this.#inTurn(async () => this.websocket.send(question))
    const [word] = question.split(' ')
    const answer = await this.word((said) => said.startsWith(`${word} `), from)
    return answer.split(' ').slice(1)
  }

  /** Which generation serves it. */
  async who(): Promise<number> {
    return Number((await this.ask('who'))[0])
  }

  /** The first that matches, from the one with that index on, said already or to come. */
  async word(matches: (said: string) => boolean, from = 0): Promise<string> {
    const deadline = AbortSignal.timeout(LIMIT_MS)
    for (;;) {
      const said = this.words.slice(from).find(matches)
      if (said !== undefined) return said
      if (this.closing) throw new Error(`closed with ${this.closing.code} instead of an answer`)
      await Promise.race([
        once(this.websocket, 'message', { signal: deadline }),
        once(this.websocket, 'close', { signal: deadline }),
      ])
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

  /** One after the other: nothing gets between the fragments of a message. */
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
      if (number !== this.received + 1) this.faults.push(`${number} of ${who} came after ${this.received}`)
      this.received = number
      this.heardFrom = who
    } catch (error) {
      this.faults.push(String(error))
    }
  }

  #hearLate(text: string): void {
    const [, generation = '', number] = text.split(' ')
    const before = this.#late.get(generation) ?? 0
    if (Number(number) !== before + 1) this.faults.push(`${text} came after ${before}`)
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

/** Opens them, some at a time, so that no queue overflows. */
export async function openConversations(target: Target, count: number): Promise<Conversation[]> {
  const all: Conversation[] = []
  while (all.length < count) {
    const some = Array.from({ length: Math.min(100, count - all.length) }, () => Conversation.open(target))
    all.push(...(await Promise.all(some)))
  }
  return all
}

function urlOf(target: Target, path: string): string {
  if ('path' in target) return `ws+unix:${target.path}:${path}`
  return `${target.tls ? 'wss' : 'ws'}://${target.host ?? '127.0.0.1'}:${target.port}${path}`
}
