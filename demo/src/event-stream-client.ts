import http, { type IncomingMessage } from 'node:http'
import { LiveClient } from './live-client.js'
import { Sequence } from './sequence.js'

const agent = new http.Agent({ keepAlive: true })

/** Reads one event stream. The service numbers its events, and sends its generation with each. */
export class EventStreamClient extends LiveClient {
  readonly #events = new Sequence()
  readonly sequences = [this.#events]
  readonly #request: http.ClientRequest
  #latest = 0
  /** The event that must still arrive. */
  #last = 0

  constructor(port: number) {
    super()
    this.#request = http.get({ host: '127.0.0.1', port, path: '/events', agent })
    this.#request.on('response', (response) => this.#read(response))
    this.#request.on('error', ({ message }) => this.closed(message))
  }

  get isComplete(): boolean {
    return this.closedBecause !== undefined || this.#latest >= this.#last
  }

  /** Expects one more event: the service may have stopped sending without closing the connection. */
  finish(): void {
    if (this.isOpen) this.#last = this.#latest + 1
  }

  protected close(): void {
    this.#events.end(this.#last)
    this.#request.destroy()
  }

  #read(response: IncomingMessage): void {
    if (response.statusCode !== 200) this.closed(`status ${response.statusCode}`)
    else this.opened()
    response.on('error', ({ message }) => this.closed(message))
    response.on('end', () => this.closed('the service ended the stream'))
    let unfinished = ''
    response.setEncoding('utf8').on('data', (text: string) => {
      const lines = (unfinished + text).split('\n')
      unfinished = lines.pop() ?? ''
      for (const line of lines) this.#receive(line)
    })
  }

  #receive(line: string): void {
    const [, field, value] = /^(id|data): (\d+)$/.exec(line) ?? []
    if (field === 'data') this.heardFrom(Number(value))
    if (field !== 'id') return
    this.#latest = Number(value)
    this.#events.receive(this.#latest)
  }
}
