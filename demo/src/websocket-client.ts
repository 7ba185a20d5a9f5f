import { WebSocket } from 'ws'
import { LiveClient } from './live-client.js'
import { Sequence } from './sequence.js'

const intervalMs = 1_000

/** Sends a numbered message every second. The service sends it back with a number of its own and its generation. */
export class WebSocketClient extends LiveClient {
  readonly #toService = new Sequence()
  readonly #toClient = new Sequence()
  readonly sequences = [this.#toService, this.#toClient]
  readonly #socket: WebSocket
  #sent = 0
  #timer: NodeJS.Timeout | undefined

  constructor(port: number) {
    super()
    this.#socket = new WebSocket(`ws://127.0.0.1:${port}/echo`)
    this.#socket.on('open', () => {
      this.opened()
      this.#timer = setInterval(() => this.#socket.send(String(++this.#sent)), intervalMs)
    })
    this.#socket.on('message', (data) => this.#receive(String(data)))
    this.#socket.on('error', ({ message }) => this.closed(message))
    this.#socket.on('close', (code, reason) => {
      clearInterval(this.#timer)
      this.closed(`closed with ${code}${reason.length > 0 ? ` (${reason})` : ''}`)
    })
  }

  get isComplete(): boolean {
    return this.closedBecause !== undefined || this.sequences.every(({ received }) => received >= this.#sent)
  }

  finish(): void {
    clearInterval(this.#timer)
  }

  protected close(): void {
    this.finish()
    for (const sequence of this.sequences) sequence.end(this.#sent)
    this.#socket.close(1000)
  }

  #receive(text: string): void {
    const [, mine, theirs, generation] = /^(\d+) (\d+) (\d+)$/.exec(text) ?? []
    if (generation === undefined) {
      this.closed(`received ${JSON.stringify(text)}`)
      return
    }
    this.#toService.receive(Number(mine))
    this.#toClient.receive(Number(theirs))
    this.heardFrom(Number(generation))
  }
}
