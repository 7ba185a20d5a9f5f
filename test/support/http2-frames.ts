// Raw HTTP/2 frames (RFC 9113): shows every frame, and leaves unanswered what a real client would answer.
import { once } from 'node:events'
import net from 'node:net'
import tls from 'node:tls'
import type { Target } from '@handover/load'
import { onTestFinished } from 'vitest'
import { until } from './until.js'

export const types = { data: 0, headers: 1, reset: 3, settings: 4, ping: 6, goaway: 7 } as const
export const endStream = 1
const endHeaders = 4
const acknowledged = 1
export const preface = 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'

export interface Frame {
  readonly type: number
  readonly flags: number
  readonly stream: number
  readonly payload: Buffer
}

/** Splits bytes into frames. */
export class FrameReader {
  #unread = Buffer.alloc(0)

  read(bytes: Buffer): Frame[] {
    const frames: Frame[] = []
    this.#unread = Buffer.concat([this.#unread, bytes])
    for (let end = frameEnd(this.#unread); end > 0; end = frameEnd(this.#unread)) {
      const whole = this.#unread.subarray(0, end)
      this.#unread = this.#unread.subarray(end)
      frames.push({
        type: whole.readUInt8(3),
        flags: whole.readUInt8(4),
        stream: whole.readUInt32BE(5),
        payload: whole.subarray(9),
      })
    }
    return frames
  }
}

export interface FramesOptions {
  readonly tls?: boolean
  /** What this client leaves unanswered. */
  readonly silentOn?: readonly ('settings' | 'ping' | 'end')[]
}

/** One connection. It answers SETTINGS, PING and the end of the connection, except for what `silentOn` lists. */
export class Http2Frames {
  readonly frames: Frame[] = []
  readonly #socket: net.Socket
  readonly #silentOn: Set<string>
  readonly #reader = new FrameReader()
  #lastStream = -1
  readonly #unansweredPings: Buffer[] = []
  isClosed = false

  static async connect(target: Target, options: FramesOptions = {}) {
    const where = { host: '127.0.0.1', ...target, allowHalfOpen: options.silentOn?.includes('end') === true }
    const socket = options.tls
      ? tls.connect({ ...where, rejectUnauthorized: false, ALPNProtocols: ['h2'] })
      : net.connect(where)
    await once(socket, options.tls ? 'secureConnect' : 'connect')
    return new Http2Frames(socket, options)
  }

  private constructor(socket: net.Socket, { silentOn = [] }: FramesOptions) {
    this.#socket = socket
    this.#silentOn = new Set(silentOn)
    onTestFinished(() => void socket.destroy())
    socket.on('data', (bytes: Buffer) => {
      for (const frame of this.#reader.read(bytes)) this.#take(frame)
    })
    socket.on('error', () => {})
    socket.on('close', () => {
      this.isClosed = true
    })
    socket.write(preface)
    this.#write(types.settings, 0, 0)
  }

  /** Starts a GET request and returns its stream. */
  get(path: string): number {
    this.#lastStream += 2
    // HPACK (RFC 7541): `:method: GET` and `:scheme: http` from the static table, `:path` and `:authority` as literals.
    const fields = Buffer.concat([Buffer.from([0x82, 0x86]), literal(4, path), literal(1, 'test')])
    this.#write(types.headers, endStream | endHeaders, this.#lastStream, fields)
    return this.#lastStream
  }

  /** Resolves with the body of the response when it is complete. */
  async answer(stream: number): Promise<string> {
    const data = () => this.frames.filter((frame) => frame.type === types.data && frame.stream === stream)
    await until(`stream ${stream} is complete`, () => data().some(({ flags }) => (flags & endStream) > 0))
    return Buffer.concat(data().map(({ payload }) => payload)).toString()
  }

  /** The distinct last streams of the GOAWAY frames. Node repeats the last frame when it closes at once. */
  get lastStreams(): number[] {
    const goaways = this.frames.filter(({ type }) => type === types.goaway)
    return [...new Set(goaways.map(({ payload }) => payload.readUInt32BE(0)))]
  }

  /** Resolves with the first `count` last streams when these GOAWAY frames have arrived. */
  async goaways(count: number): Promise<readonly number[]> {
    await until(`${count} GOAWAY frames have arrived`, () => this.lastStreams.length >= count)
    return this.lastStreams.slice(0, count)
  }

  /** Resolves when the server has acknowledged the settings: its session exists then. */
  ready(): Promise<void> {
    return until('the server acknowledges the settings', () =>
      this.frames.some(({ type, flags }) => type === types.settings && (flags & acknowledged) > 0),
    )
  }

  /** Answers every PING received so far and every later one. */
  answerPings(): void {
    this.#silentOn.delete('ping')
    for (const payload of this.#unansweredPings.splice(0)) this.#write(types.ping, acknowledged, 0, payload)
  }

  closed(limitMs?: number): Promise<void> {
    return until('the connection is closed', () => this.isClosed, limitMs)
  }

  #take(frame: Frame): void {
    this.frames.push(frame)
    if (frame.flags & acknowledged) return
    if (frame.type === types.settings && !this.#silentOn.has('settings'))
      this.#write(types.settings, acknowledged, 0)
    if (frame.type !== types.ping) return
    this.#unansweredPings.push(frame.payload)
    if (!this.#silentOn.has('ping')) this.answerPings()
  }

  #write(type: number, flags: number, stream: number, payload: Uint8Array = Buffer.alloc(0)): void {
    const head = Buffer.alloc(9)
    head.writeUIntBE(payload.length, 0, 3)
    head.writeUInt8(type, 3)
    head.writeUInt8(flags, 4)
    head.writeUInt32BE(stream, 5)
    this.#socket.write(Buffer.concat([head, payload]))
  }
}

/** Where the first frame ends, or 0 if it is incomplete. */
function frameEnd(bytes: Buffer): number {
  const end = bytes.length < 9 ? 0 : 9 + bytes.readUIntBE(0, 3)
  return end <= bytes.length ? end : 0
}

/** A header field with a name from the static table, without indexing. */
const literal = (name: number, value: string) =>
  Buffer.concat([Buffer.from([name, value.length]), Buffer.from(value)])
