import { RawConnection, type Target } from '@handover/load'

/** A client of server-sent events that reads the answer itself, on a connection that nobody opens again. */
export class EventStream {
  /** The data of each event, by its id; in the order in which they came. */
  readonly events: { readonly id: number; readonly data: string }[] = []
  /** What `retry:` asked for. */
  retryMs: number | undefined
  readonly #connection: RawConnection
  readonly #ended: Promise<string>

  private constructor(connection: RawConnection) {
    this.#connection = connection
    this.#ended = this.#read()
  }

  static async open(target: Target): Promise<EventStream> {
    return EventStream.#ask(await RawConnection.connect(target))
  }

  /** Another stream on the same connection, when this one has ended. */
  again(): EventStream {
    return EventStream.#ask(this.#connection)
  }

  static #ask(connection: RawConnection): EventStream {
    connection.write('GET / HTTP/1.1\r\nhost: test\r\naccept: text/event-stream\r\n\r\n')
    return new EventStream(connection)
  }

  /** Resolves when the answer is whole, with its last chunk: `complete`, or with what was wrong. */
  get ended(): Promise<string> {
    return this.#ended
  }

  close(): void {
    this.#connection.close()
  }

  /** The places where an id does not follow on the one before. */
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

  /** Takes whole events off the text, and returns the rest. */
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
