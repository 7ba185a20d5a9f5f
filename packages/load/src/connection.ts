import { once } from 'node:events'
import net from 'node:net'
import tls from 'node:tls'
import { Fault } from './fault.js'
import { type ByteSource, type Response, type ResponseHead, readBody, readHead } from './response.js'

export type Target = TcpTarget | { readonly path: string }

export interface TcpTarget {
  readonly port: number
  readonly host?: string
  /** Uses TLS, and accepts any certificate. */
  readonly tls?: boolean
}

/** How a connection ended: closed by the peer, reset, timed out without progress, or closed by this process. */
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
 * One connection, without a pool and without retries. It reads ahead of its caller, so it notices an end at once. It
 * stops reading while too many bytes wait unread.
 */
export class RawConnection implements ByteSource {
  /** Resolves when the connection has ended. Never rejects. */
  readonly closed: Promise<Ending>
  readonly #socket: net.Socket
  readonly #stallMs: number
  readonly #chunks: Buffer[] = []
  #unreadBytes = 0
  #ending: Ending | undefined
  #resolveClosed: (ending: Ending) => void = () => {}
  #wake: (() => void) | undefined

  static async connect(
    target: Target,
    { stallMs = DEFAULT_STALL_MS }: ConnectOptions = {},
  ): Promise<RawConnection> {
    const socket = open(target)
    const connection = new RawConnection(socket, stallMs)
    const timer = setTimeout(() => connection.abort(`not connected after ${stallMs} ms`), stallMs)
    try {
      await once(socket, socket instanceof tls.TLSSocket ? 'secureConnect' : 'connect')
      return connection
    } catch (error) {
      const kind = connection.ending?.how === 'timeout' ? 'timeout' : 'refused'
      throw new Fault(kind, error instanceof Error ? error.message : String(error))
    } finally {
      clearTimeout(timer)
    }
  }

  private constructor(socket: net.Socket, stallMs: number) {
    this.#socket = socket
    this.#stallMs = stallMs
    this.closed = new Promise((resolve) => {
      this.#resolveClosed = resolve
    })
    socket.setNoDelay(true)
    socket.on('data', (chunk) => this.#received(chunk))
    socket.on('end', () => this.#end({ how: 'end', detail: 'the peer closed the connection' }))
    socket.on('error', (error) => this.#end({ how: 'reset', detail: error.message }))
    socket.on('close', () => this.#end({ how: 'local', detail: 'closed on this side' }))
  }

  /** The local port, which identifies the connection; `undefined` on a Unix socket. */
  get localPort(): number | undefined {
    return this.#socket.localPort
  }

  /** How the connection ended; `undefined` while it is open. */
  get ending(): Ending | undefined {
    return this.#ending
  }

  /** Whether received bytes wait to be read. */
  get hasUnread(): boolean {
    return this.#chunks.length > 0
  }

  /** Resolves when the kernel has accepted the bytes or the connection has ended. The next read shows which. */
  write(data: string | Uint8Array): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(() => this.abort(`no byte was sent for ${this.#stallMs} ms`), this.#stallMs)
      this.#socket.write(data, () => {
        clearTimeout(timer)
        resolve()
      })
    })
  }

  /** The next bytes; `null` when the peer has closed. Throws a `Fault` after a reset, or if no byte arrives in time. */
  async read(): Promise<Buffer | null> {
    if (!this.hasUnread && !this.#ending && !(await this.#arrival(this.#stallMs))) {
      this.abort(`no byte arrived for ${this.#stallMs} ms`)
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
      this.#ending?.detail ?? 'the reason is unknown',
    )
  }

  unread(chunk: Buffer): void {
    this.#chunks.unshift(chunk)
    this.#unreadBytes += chunk.length
  }

  /** Waits for `ms`. Returns early when bytes arrive or the connection ends. */
  async quiet(ms: number): Promise<void> {
    if (!this.hasUnread && !this.#ending) await this.#arrival(ms)
  }

  /** The head of the next response. The caller must read its body before the next head. */
  head(): Promise<ResponseHead> {
    return readHead(this)
  }

  body(head: ResponseHead): AsyncGenerator<Buffer, void> {
    return readBody(this, head)
  }

  /** The complete next response. */
  async response(): Promise<Response> {
    const head = await this.head()
    const chunks: Buffer[] = []
    for await (const chunk of this.body(head)) chunks.push(chunk)
    const body = Buffer.concat(chunks)
    return { ...head, body, text: body.toString() }
  }

  /** Closes the connection after all written bytes are sent. */
  close(): void {
    this.#socket.destroySoon()
    this.#end({ how: 'local', detail: 'closed on this side' })
  }

  /** Resets the connection. */
  reset(): void {
    this.#socket.resetAndDestroy()
    this.#end({ how: 'local', detail: 'reset on this side' })
  }

  /** Gives up: reads fail with a `timeout`. */
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
    this.#resolveClosed(ending)
    this.#wake?.()
  }

  /** Resolves to `false` if `ms` passes before bytes arrive or the connection ends. Only one caller may wait at a time. */
  #arrival(ms: number): Promise<boolean> {
    return new Promise((resolve) => {
      const finish = (hasArrived: boolean) => {
        clearTimeout(timer)
        this.#wake = undefined
        resolve(hasArrived)
      }
      const timer = setTimeout(finish, ms, false)
      this.#wake = () => finish(true)
    })
  }
}

function open(target: Target): net.Socket {
  if ('path' in target) return net.connect(target)
  const { host = '127.0.0.1', port } = target
  return target.tls ? tls.connect({ host, port, rejectUnauthorized: false }) : net.connect({ host, port })
}
