// A control socket client that sends exactly what the test says, valid or not.
import net from 'node:net'
import { LIMIT_MS } from './story.js'
import { until } from './until.js'

export type Line = Readonly<Record<string, unknown>>

export class ControlSocket {
  readonly lines: Line[] = []
  readonly #socket: net.Socket
  #rest = ''
  #closed = false

  private constructor(socket: net.Socket) {
    this.#socket = socket
    socket.setEncoding('utf8').on('data', (text: string) => {
      const lines = (this.#rest + text).split('\n')
      this.#rest = lines.pop() ?? ''
      for (const line of lines) this.lines.push(JSON.parse(line))
    })
    socket.on('error', () => socket.destroy())
    socket.on('close', () => {
      this.#closed = true
    })
  }

  static async connect(path: string): Promise<ControlSocket> {
    const socket = net.connect({ path })
    await new Promise((resolve, reject) => socket.once('connect', resolve).once('error', reject))
    return new ControlSocket(socket)
  }

  get isClosed(): boolean {
    return this.#closed
  }

  write(text: string): void {
    this.#socket.write(text)
  }

  send(request: object): void {
    this.write(`${JSON.stringify(request)}\n`)
  }

  /** Stops reading until `resume`. */
  pause(): void {
    this.#socket.pause()
  }

  resume(): void {
    this.#socket.resume()
  }

  end(): void {
    this.#socket.end()
  }

  close(): void {
    this.#socket.destroy()
  }

  /** The first line that matches, whether it has arrived already or arrives later. */
  async line(is: (line: Line) => boolean, limitMs = LIMIT_MS): Promise<Line> {
    await until(
      'a matching line arrives',
      () => {
        if (this.#closed && !this.lines.some(is))
          throw new Error(`the connection closed after these lines: ${JSON.stringify(this.lines)}`)
        return this.lines.some(is)
      },
      limitMs,
    )
    return this.lines.find(is) as Line
  }

  /** The response to the request with that id. */
  answer(id: number | string | null): Promise<Line> {
    return this.line((line) => line.id === id && 'ok' in line)
  }

  async closed(limitMs = LIMIT_MS): Promise<void> {
    await until('the connection is closed', () => this.#closed, limitMs)
  }
}

/** Sends one request on its own connection and resolves with the response. */
export async function ask(path: string, request: string, more: object = {}): Promise<Line> {
  const socket = await ControlSocket.connect(path)
  try {
    socket.send({ handover: 1, id: 1, request, ...more })
    return await socket.answer(1)
  } finally {
    socket.close()
  }
}
