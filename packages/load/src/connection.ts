import { once } from 'node:events'
import net from 'node:net'
import tls from 'node:tls'
import { Fault } from './fault.js'
import { type ByteSource, type Response, type ResponseHead, readBody, readHead } from './response.js'

export type Target = TcpTarget | { readonly path: string }

export interface TcpTarget {
  readonly port: number
  readonly host?: string
  /** Speaks TLS, and takes any certificate. */
  readonly tls?: boolean
}

/** How a connection ended: the peer closed it, it was reset, nothing moved for too long, or we closed it. */
export interface Ending {
  readonly how: 'end' | 'reset' | 'timeout' | 'local'
  readonly detail: string
}

export interface ConnectOptions {
  /** How long a connect, a read or a write may go without progress. */
  readonly stallMs?: number
}

const DEFAULT_STALL_MS = 30_000
const HIGH_WATER_BYTES = 64 * 1024

/**
 * One connection, with nothing between the caller and the socket: nothing is pooled, nothing is tried again.
 * It reads on while nobody asks, so an end is seen at once, and it stops reading when too much waits unread.
 */
export class RawConnection implements ByteSource {
  /** Resolves when the connection has ended, with how. Never rejects. */
  readonly closed: Promise<Ending>
  readonly #socket: net.Socket
  readonly #stallMs: number
  readonly #chunks: Buffer[] = []
  #unreadBytes = 0
  #ending: Ending | undefined
  #settleClosed: (ending: Ending) => void = () => {}
  #wake: (() => void) | undefined

  static async connect(
    target: Target,
    { stallMs = DEFAULT_STALL_MS }: ConnectOptions = {},
  ): Promise<RawConnection> {
    const socket = open(target)
    const connection = new RawConnection(socket, stallMs)
    const late = setTimeout(() => connection.abort(`not connected after ${stallMs} ms`), stallMs)
    try {
      await once(socket, socket instanceof tls.TLSSocket ? 'secureConnect' : 'connect')
      return connection
    } catch (error) {
      const kind = connection.ending?.how === 'timeout' ? 'timeout' : 'refused'
      throw new Fault(kind, error instanceof Error ? error.message : String(error))
    } finally {
      clearTimeout(late)
    }
  }

  private constructor(socket: net.Socket, stallMs: number) {
    this.#socket = socket
    this.#stallMs = stallMs
    this.closed = new Promise((resolve) => {
      this.#settleClosed = resolve
    })
    socket.setNoDelay(true)
    socket.on('data', (chunk) => this.#received(chunk))
    socket.on('end', () => this.#end({ how: 'end', detail: 'the peer closed the connection' }))
    socket.on('error', (error) => this.#end({ how: 'reset', detail: error.message }))
    socket.on('close', () => this.#end({ how: 'local', detail: 'closed on this side' }))
  }

  /** The port on this side; `undefined` on a Unix socket. It tells connections apart. */
  get localPort(): number | undefined {
    return this.#socket.localPort
  }

  /** How it ended, if it did. */
  get ending(): Ending | undefined {
    return this.#ending
  }

  /** Whether bytes have come that nobody has read. */
  get hasUnread(): boolean {
    return this.#chunks.length > 0
  }

  /** Resolves when the kernel took the bytes, or the connection ended: the next read tells which. */
  write(data: string | Uint8Array): Promise<void> {
    return new Promise((resolve) => {
      const late = setTimeout(() => this.abort(`no byte was taken for ${this.#stallMs} ms`), this.#stallMs)
      this.#socket.write(data, () => {
        clearTimeout(late)
        resolve()
      })
    })
  }

  /** The next bytes; `null` when the peer has closed. Throws a `Fault` on a reset and when nothing comes. */
  async read(): Promise<Buffer | null> {
    if (!this.hasUnread && !this.#ending && !(await this.#arrival(this.#stallMs))) {
      this.abort(`no byte came for ${this.#stallMs} ms`)
    }
    const chunk = this.#chunks.shift()
    if (chunk) {
      this.#unreadBytes -= chunk.length
      if (this.#unreadBytes < HIGH_WATER_BYTES) this.#socket.resume()
      return chunk
    }
    if (this.#ending?.how === 'end') return null
    throw new Fault(
      this.#ending?.how === 'timeout' ? 'timeout' : 'reset',
      this.#ending?.detail ?? 'no ending',
    )
  }

  unread(chunk: Buffer): void {
    this.#chunks.unshift(chunk)
    this.#unreadBytes += chunk.length
  }

  /** Waits; returns early when bytes come or the connection ends. */
  async quiet(ms: number): Promise<void> {
    if (!this.hasUnread && !this.#ending) await this.#arrival(ms)
  }

  /** The head of the next answer. Its body must be read before the next head. */
  head(): Promise<ResponseHead> {
    return readHead(this)
  }

  body(head: ResponseHead): AsyncGenerator<Buffer, void> {
    return readBody(this, head)
  }

  /** The next answer, whole. */
  async response(): Promise<Response> {
    const head = await this.head()
    const chunks: Buffer[] = []
    for await (const chunk of this.body(head)) chunks.push(chunk)
    const body = Buffer.concat(chunks)
    return { ...head, body, text: body.toString() }
  }

  /** Closes politely, after what was written is out. */
  close(): void {
    this.#socket.destroySoon()
    this.#end({ how: 'local', detail: 'closed on this side' })
  }

  /** Closes with a reset. */
  reset(): void {
    this.#socket.resetAndDestroy()
    this.#end({ how: 'local', detail: 'reset on this side' })
  }

  /** Gives up: whoever reads gets a `timeout`. */
  abort(detail: string): void {
    this.#end({ how: 'timeout', detail })
    this.#socket.destroy(new Error(detail))
  }

  #received(chunk: Buffer): void {
    this.#chunks.push(chunk)
    this.#unreadBytes += chunk.length
    if (this.#unreadBytes >= HIGH_WATER_BYTES) this.#socket.pause()
    this.#wake?.()
  }

  #end(ending: Ending): void {
    if (this.#ending) return
    this.#ending = ending
    this.#settleClosed(ending)
    this.#wake?.()
  }

  /** True when bytes came or the connection ended, false when the time was over first. One waits at a time. */
  #arrival(ms: number): Promise<boolean> {
    return new Promise((resolve) => {
      const settle = (came: boolean) => {
        clearTimeout(timer)
        this.#wake = undefined
        resolve(came)
      }
      const timer = setTimeout(settle, ms, false)
      this.#wake = () => settle(true)
    })
  }
}

function open(target: Target): net.Socket {
  if ('path' in target) return net.connect(target)
  const { host = '127.0.0.1', port } = target
  return target.tls ? tls.connect({ host, port, rejectUnauthorized: false }) : net.connect({ host, port })
}
