/** Forwards connections to a service, and reads the frames of the WebSockets on them. */
import { once } from 'node:events'
import net from 'node:net'
import type { TcpTarget } from '@handover/load'
import { onTestFinished } from 'vitest'

/** A frame on the wire. */
export interface Frame {
  readonly opcode: number
  readonly fin: boolean
  /** RSV1: the message is compressed. */
  readonly compressed: boolean
  /** The bytes of the payload on the wire. */
  readonly length: number
}

export interface FrameTap {
  /** Clients connect here. */
  readonly target: TcpTarget
  readonly fromClients: Frame[]
  readonly fromService: Frame[]
}

export async function tapFrames({ port }: TcpTarget): Promise<FrameTap> {
  const fromClients: Frame[] = []
  const fromService: Frame[] = []
  const open = new Set<net.Socket>()
  const server = net.createServer((client) => {
    const service = net.connect(port, '127.0.0.1')
    forward(client, service, fromClients)
    forward(service, client, fromService)
    for (const socket of [client, service]) open.add(socket.on('error', () => {}))
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  onTestFinished(() => {
    server.close()
    for (const socket of open) socket.destroy()
  })
  return { target: { port: (server.address() as net.AddressInfo).port }, fromClients, fromService }
}

function forward(from: net.Socket, to: net.Socket, frames: Frame[]): void {
  const read = frameReader(frames)
  from.on('data', (chunk) => {
    read(chunk)
    to.write(chunk)
  })
  from.on('close', () => to.destroy())
}

/** Reads the head of an HTTP message, and then frames. */
function frameReader(frames: Frame[]): (chunk: Buffer) => void {
  let isHead = true
  let bytes = Buffer.alloc(0)
  let payload = 0
  return (chunk) => {
    bytes = Buffer.concat([bytes, chunk])
    if (isHead) {
      const end = bytes.indexOf('\r\n\r\n')
      if (end < 0) return
      isHead = false
      bytes = bytes.subarray(end + 4)
    }
    for (;;) {
      const skipped = Math.min(payload, bytes.length)
      bytes = bytes.subarray(skipped)
      payload -= skipped
      const header = payload > 0 ? undefined : headerOf(bytes)
      if (!header) return
      frames.push(header.frame)
      bytes = bytes.subarray(header.size)
      payload = header.frame.length
    }
  }
}

/** The header at the start of `bytes`; `undefined` if it is not complete. */
function headerOf(bytes: Buffer): { frame: Frame; size: number } | undefined {
  const [first = 0, second = 0] = bytes
  const short = second & 0x7f
  const extended = short === 127 ? 8 : short === 126 ? 2 : 0
  const size = 2 + extended + (second & 0x80 ? 4 : 0)
  if (bytes.length < size) return undefined
  const length = extended === 0 ? short : extended === 2 ? bytes.readUInt16BE(2) : bytes.readUInt32BE(6)
  const frame = {
    opcode: first & 0x0f,
    fin: (first & 0x80) !== 0,
    compressed: (first & 0x40) !== 0,
    length,
  }
  return { frame, size }
}
