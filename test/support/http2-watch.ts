// A relay in front of a cleartext HTTP/2 service that shows which frames were actually sent.
import { once } from 'node:events'
import net from 'node:net'
import type { TcpTarget } from '@handover/load'
import { onTestFinished } from 'vitest'
import { endStream, type Frame, FrameReader, preface, types } from './http2-frames.js'

const anyStream = 2 ** 31 - 1
const noError = 0

/** One connection of a client. */
export class WatchedSession {
  /** Streams on which the client sent a request. */
  readonly requested = new Set<number>()
  /** Streams that the service answered completely. */
  readonly answered = new Set<number>()
  /** The last stream of each GOAWAY frame from the service, in order. */
  readonly lastStreams: number[] = []

  /** Requests up to the last stream of the GOAWAY that got no complete response. */
  get unanswered(): number[] {
    const last = this.lastStreams.at(-1) ?? anyStream
    return [...this.requested].filter((stream) => stream <= last && !this.answered.has(stream))
  }

  /** Requests that the client must repeat on another connection. */
  get beyond(): number[] {
    const last = this.lastStreams.at(-1) ?? anyStream
    return [...this.requested].filter((stream) => stream > last)
  }

  /** Node repeats the last GOAWAY when it closes the connection. */
  #lastStreamIs(stream: number): void {
    if (this.lastStreams.at(-1) !== stream) this.lastStreams.push(stream)
  }

  fromClient({ type, stream }: Frame): void {
    if (type === types.headers) this.requested.add(stream)
  }

  fromService({ type, flags, stream, payload }: Frame): void {
    if (type === types.goaway) this.#lastStreamIs(payload.readUInt32BE(0))
    // From Node 22 on, a large response may end like this, even without Handover. The client checks its length.
    if (type === types.reset && payload.readUInt32BE(0) === noError) this.answered.add(stream)
    if ((type === types.data || type === types.headers) && flags & endStream) this.answered.add(stream)
  }
}

/** Listens on its own port and records every frame to and from the service. */
export async function watchHttp2(service: TcpTarget): Promise<{
  readonly target: TcpTarget
  readonly sessions: readonly WatchedSession[]
}> {
  const sessions: WatchedSession[] = []
  const server = net.createServer({ allowHalfOpen: true }, (client) => {
    const upstream = net.connect({ host: '127.0.0.1', ...service, allowHalfOpen: true })
    const session = new WatchedSession()
    sessions.push(session)
    relay(client, upstream, preface.length, (frame) => session.fromClient(frame))
    relay(upstream, client, 0, (frame) => session.fromService(frame))
  })
  onTestFinished(() => void server.close())
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return { target: { port: (server.address() as net.AddressInfo).port }, sessions }
}

function relay(from: net.Socket, to: net.Socket, skip: number, note: (frame: Frame) => void): void {
  const reader = new FrameReader()
  let toSkip = skip
  from.on('data', (bytes: Buffer) => {
    to.write(bytes)
    const frames = bytes.subarray(toSkip)
    toSkip = Math.max(0, toSkip - bytes.length)
    for (const frame of reader.read(frames)) note(frame)
  })
  from.on('end', () => to.end())
  from.on('error', () => to.destroy())
  from.on('close', () => to.destroySoon())
}
