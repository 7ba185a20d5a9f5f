import { once } from 'node:events'
import http, { type IncomingMessage } from 'node:http'
import type net from 'node:net'
import { constants, deflateRawSync } from 'node:zlib'
import { expect, onTestFinished, test } from 'vitest'
import { type ServerOptions, WebSocket, WebSocketServer } from 'ws'
import { createDeflate, movableDeflate } from './deflate-internals.js'
import { adopt, detach, isAtBoundary, probe } from './ws-internals.js'
import type { WebSocketLike } from './ws-types.js'

const withoutContext = { serverNoContextTakeover: true, clientNoContextTakeover: true }
const both = { server_no_context_takeover: true, client_no_context_takeover: true } as const
const long = Buffer.alloc(4_000_000, 'long')

const serverWith = (perMessageDeflate: ServerOptions['perMessageDeflate'], more: ServerOptions = {}) =>
  new WebSocketServer({ noServer: true, perMessageDeflate: perMessageDeflate ?? false, ...more })

/** Opens a WebSocket. `socket` is the connection of the service. */
async function open(wss: WebSocketServer, client: object = {}) {
  const server = http.createServer()
  const upgraded = once(server, 'upgrade') as Promise<[IncomingMessage, net.Socket, Buffer]>
  await once(server.listen(0, '127.0.0.1'), 'listening')
  const { port } = server.address() as net.AddressInfo
  const websocket = new WebSocket(`ws://127.0.0.1:${port}`, {
    perMessageDeflate: { threshold: 0, ...client },
  })
  const opened = once(websocket, 'open')
  const [request, socket, head] = await upgraded
  const served = await new Promise<WebSocket>((resolve) => wss.handleUpgrade(request, socket, head, resolve))
  await opened
  onTestFinished(() => {
    websocket.terminate()
    server.close()
  })
  return { client: websocket, served: served as WebSocket & WebSocketLike, request, socket }
}

/** Removes what `ws` stores in the connection: in another process it is not there. */
function forgetWebSocket(socket: net.Socket): void {
  const own = Object.getOwnPropertySymbols(socket).filter(({ description }) => description === 'websocket')
  for (const name of own) Reflect.deleteProperty(socket, name)
}

const next = async (websocket: WebSocket) => (await once(websocket, 'message'))[0] as Buffer

test.each([
  ['no compression', false, {}, undefined],
  ['context takeover', true, {}, undefined],
  ['context takeover of the server', { clientNoContextTakeover: true }, {}, undefined],
  ['context takeover of the client', { serverNoContextTakeover: true }, {}, undefined],
  ['no context takeover', withoutContext, {}, both],
  ['no context takeover, which the client asks for', {}, withoutContext, both],
  [
    'no context takeover and small windows',
    { ...withoutContext, serverMaxWindowBits: 10 },
    { clientMaxWindowBits: 12 },
    { ...both, server_max_window_bits: 10, client_max_window_bits: 12 },
  ],
])('a handshake that agrees on %s', async (_, server, client, wanted) => {
  const { served } = await open(serverWith(server), client)
  expect(movableDeflate(served)).toEqual(wanted)
})

test('another WebSocketServer continues the compression as agreed, with its own limits', async () => {
  const small = { ...withoutContext, serverMaxWindowBits: 9 }
  const first = await open(serverWith(small, { maxPayload: 0 }), { clientMaxWindowBits: 15 })
  const { listeners } = probe(serverWith(small))
  const agreed = movableDeflate(first.served)
  detach(first.served, first.socket, listeners)
  forgetWebSocket(first.socket)
  const later = serverWith(
    { threshold: 0, serverMaxWindowBits: 15, clientMaxWindowBits: 9 },
    { maxPayload: 50_000 },
  )
  const { client, request, socket } = first
  const served = adopt<WebSocket & WebSocketLike>(later, socket, request, '', agreed)
  served.on('error', () => {})
  expect(movableDeflate(served)).toEqual(agreed)
  // It repeats itself after more bytes than the small windows have.
  const text = Buffer.concat(
    Array(4).fill(Buffer.from(Array.from({ length: 10_000 }, () => Math.random() * 256))),
  )
  served.send(text)
  expect(text.equals(await next(client))).toBe(true)
  client.send(text)
  expect(text.equals(await next(served))).toBe(true)
  client.send(long)
  expect(await once(client, 'close')).toEqual([1009, expect.anything()])
})

test('a WebSocketServer without compression cannot continue it', () => {
  expect(() => createDeflate(serverWith(false), both)).toThrow(/perMessageDeflate .* is off/)
})

test('a WebSocketServer that overrides handleUpgrade is not asked', () => {
  class Own extends WebSocketServer {
    override handleUpgrade(): void {
      expect.unreachable()
    }
  }
  const server = new Own({
    noServer: true,
    perMessageDeflate: true,
    verifyClient: () => expect.unreachable(),
  })
  expect(createDeflate(server, both)).toMatchObject({ 'permessage-deflate': { params: both } })
})

test.each([
  ['a message is', [long]],
  ['messages wait to be', [long, long, 'short']],
])('a WebSocket is not at a boundary while %s compressed', async (_, messages) => {
  const { client, served, socket } = await open(serverWith({ ...withoutContext, concurrencyLimit: 1 }))
  expect(isAtBoundary(served, socket)).toBe(true)
  let sent = 0
  for (const message of messages) served.send(message, () => sent++)
  const during: boolean[] = []
  for (; sent < messages.length; await new Promise(setImmediate)) during.push(isAtBoundary(served, socket))
  expect(new Set(during)).toEqual(new Set([false]))
  expect(isAtBoundary(served, socket)).toBe(true)
  expect((await next(client)).equals(long)).toBe(true)
})

test('a WebSocket is not at a boundary while a message is decompressed', async () => {
  const { client, served, socket } = await open(serverWith(withoutContext))
  const during: boolean[] = []
  socket.on('data', () => during.push(isAtBoundary(served, socket)))
  client.send(long)
  expect((await next(served)).equals(long)).toBe(true)
  await new Promise(setImmediate)
  expect(new Set(during)).toEqual(new Set([false]))
  expect(isAtBoundary(served, socket)).toBe(true)
})

test('a WebSocket is not at a boundary while a compressed frame is half received', async () => {
  const { client, served, socket } = await open(serverWith(withoutContext))
  const { _socket: connection } = client as unknown as { _socket: net.Socket }
  const payload = deflateRawSync('hello', { finishFlush: constants.Z_SYNC_FLUSH }).subarray(0, -4)
  const frame = Buffer.concat([Buffer.from([0xc1, 0x80 | payload.length, 0, 0, 0, 0]), payload])
  for (const part of [frame.subarray(0, 1), frame.subarray(1, 6), frame.subarray(6, 8)]) {
    const arrived = once(socket, 'data')
    connection.write(part)
    await arrived
    expect(isAtBoundary(served, socket)).toBe(false)
  }
  const message = next(served)
  connection.write(frame.subarray(8))
  expect(String(await message)).toBe('hello')
  await new Promise(setImmediate)
  expect(isAtBoundary(served, socket)).toBe(true)
})

test.each([
  ['_receiver', 'the compression of the receiver and the sender'],
  ['_sender', 'the compression of the receiver and the sender'],
])('probing detects a ws whose %s has no extensions', (part, missing) => {
  class Foreign extends WebSocket {
    setSocket(...args: unknown[]): void {
      Reflect.apply(Reflect.get(WebSocket.prototype, 'setSocket'), this, args)
      Object.assign((this as unknown as Record<string, object>)[part] ?? {}, { _extensions: undefined })
    }
  }
  const found = probe(serverWith(withoutContext, { WebSocket: Foreign }))
  expect(found).toMatchObject({ missing: undefined, missingDeflate: missing })
})

test('probing detects a ws that negotiates the compression elsewhere', () => {
  const server = serverWith(true)
  Object.assign(server, { completeUpgrade: undefined })
  expect(probe(server).missingDeflate).toMatch(/TypeError/)
})
