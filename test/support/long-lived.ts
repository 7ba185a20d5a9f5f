// Clients of WebSockets and event streams that reconnect, as browsers do, and record how each connection ended.
import { once } from 'node:events'
import type { Target } from '@handover/load'
import { onTestFinished } from 'vitest'
import { EventStream } from './events.js'
import { Conversation } from './websockets.js'

export class LongLived {
  /** How each connection ended: the close code of a WebSocket; `complete` or the error of an event stream. */
  readonly endings: string[] = []
  /** Messages and events that were lost or out of order, and failed attempts to connect. */
  readonly faults: string[] = []
  readonly #open = new Set<{ close(): void }>()
  readonly #conversations = new Set<Conversation>()
  readonly #clients: readonly Promise<void>[]
  #over = false

  constructor(target: Target, count: number) {
    const each = Array.from({ length: count })
    this.#clients = [
      ...each.map(() => this.#repeat(() => this.#talk(target))),
      ...each.map(() => this.#repeat(() => this.#listen(target))),
    ]
    onTestFinished(() => this.stop())
  }

  get connected(): number {
    return this.#open.size
  }

  /** Checks the messages of all open WebSockets, and closes everything. */
  async conclude(): Promise<void> {
    for (const conversation of this.#conversations) {
      await conversation.conclude()
      this.faults.push(...conversation.faults)
    }
    await this.stop()
  }

  async stop(): Promise<void> {
    this.#over = true
    for (const connection of this.#open) connection.close()
    await Promise.all(this.#clients)
  }

  async #repeat(connect: () => Promise<void>): Promise<void> {
    while (!this.#over) await connect().catch((error) => this.#over || this.faults.push(String(error)))
  }

  async #talk(target: Target): Promise<void> {
    const conversation = await Conversation.open(target, '/socket')
    conversation.talk(50)
    this.#conversations.add(conversation)
    await this.#until(conversation, async () => {
      if (!conversation.closing) await once(conversation.websocket, 'close')
      return String(conversation.closing?.code)
    })
    this.#conversations.delete(conversation)
    if (!this.#over) this.faults.push(...conversation.faults)
  }

  async #listen(target: Target): Promise<void> {
    const stream = await EventStream.open(target, '/events')
    await this.#until(stream, () => stream.ended)
    this.faults.push(...stream.gaps.map((id) => `event ${id} is out of order`))
  }

  async #until(connection: { close(): void }, ended: () => Promise<string>): Promise<void> {
    this.#open.add(connection)
    const ending = await ended()
    this.#open.delete(connection)
    if (!this.#over) this.endings.push(ending)
  }
}
