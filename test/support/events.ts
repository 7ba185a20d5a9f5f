import { RawConnection, type Target } from '@handover/load'

/** A client of server-sent events that parses the response itself and never reconnects. */
export class EventStream {
  /** The id and data of each event, in order of arrival. */
  readonly events: { readonly id: number; readonly data: string }[] = []
  /** The value of the last `retry:` field. */
  retryMs: number | undefined
  readonly #connection: RawConnection
  readonly #ended: Promise<string>

  private constructor(connection: RawConnection) {
    this.#connection = connection
    this.#ended = this.#read()
  }

  static async open(target: Target, path = '/'): Promise<EventStream> {
    return EventStream.#ask(await RawConnection.connect(target), path)
  }

  /** Requests another stream on the same connection, after this one has ended. */
  again(): EventStream {
    return EventStream.#ask(this.#connection)
  }

  static #ask(connection: RawConnection, path = '/'): EventStream {
    connection.write(`GET ${path} HTTP/1.1\r\nhost: test\r\naccept: text/event-stream\r\n\r\n`)
    return new EventStream(connection)
  }

  /** Resolves with `complete` after the last chunk of the response, or with the error that ended it. */
  get ended(): Promise<string> {
    return this.#ended
  }

  close(): void {
    this.#connection.close()
  }

  /** The ids that break the sequence 1, 2, 3, … */
  get gaps(): number[] {
    return this.events.map(({ id }) => id).filter((id, i) => id !== i + 1)
  }

  async #read(): Promise<string> {
    try {
      const head = await this.#connection.head()
      let text = ''
      for await (const chunk of this.#connection.body(head)) text = this.#take(text + chunk)
      return 'complete'
    } catch (error) {
      return String(error)
    }
  }

  /** Records the complete events in the text and returns the rest of it. */
  #take(text: string): string {
    const blocks = text.split('\n\n')
    for (const block of blocks.slice(0, -1)) {
      const fields = new Map(block.split('\n').map((line) => line.split(': ') as [string, string]))
      if (fields.has('retry')) this.retryMs = Number(fields.get('retry'))
      if (fields.has('id')) this.events.push({ id: Number(fields.get('id')), data: fields.get('data') ?? '' })
    }
    return blocks.at(-1) ?? ''
  }
}
