// Clients in particular situations that move.
import type { TcpTarget } from '@handover/load'
import { describe, expect, test } from 'vitest'
import { WebSocket } from 'ws'
import { finalReports } from '../support/reports.js'
import { type Service, startService } from '../support/service.js'
import { Client, Control, connect, manager, movingSocketIo } from '../support/socket-io.js'
import { until } from '../support/until.js'

const start = (more: object = {}) => startService('moving-socket-io.mjs', movingSocketIo(more))

/** Reloads, and expects that all of the service's connections have moved except one control connection. */
async function expectMoved(service: Service, count: number): Promise<void> {
  const report = (await finalReports(service, 1))[0]
  expect(report?.drain).toMatchObject({ closed: 0, lost: 0, cut: [] })
  expect(report?.drain.moved).toBeGreaterThanOrEqual(count)
}

test('packets that wait for the connection arrive once and in order', async () => {
  const service = await start()
  const client = await connect(service)
  client.socket.emit('block', 1, Buffer.from('two'), 3)
  // The connection is blocked, so another client tells when the server has the packets.
  const other = await connect(service)
  await other.who()
  expect(client.received('buffered')).toEqual([])
  await service.reload()
  expect(await client.servedBy(2)).toMatchObject({ connected: true })
  expect(client.received('buffered')).toEqual([[1], [Buffer.from('two')], [3]])
})

test('a client that reads slowly moves when it has read everything, and misses nothing', async () => {
  const service = await start()
  const client = await connect(service)
  await client.who()
  const tcp = (
    client.socket.io.engine.transport as unknown as { ws: { _socket: { pause(): void; resume(): void } } }
  ).ws._socket
  tcp.pause()
  client.socket.emit('flood', 400, 50_000)
  await service.reload()
  await service.line(/draining: 1 connection open/)
  tcp.resume()
  await client.has('flood', 400)
  await client.servedBy(2)
  expect(client.received('flood').map(([n]) => n)).toEqual(Array.from({ length: 400 }, (_, n) => n))
  expect(client.changes).toEqual(['connect'])
})

test('a client that has upgraded from long polling moves', async () => {
  const service = await start()
  const client = await connect(service, { transports: ['polling', 'websocket'], query: { page: '1' } })
  await until('the client has upgraded', async () => (await client.who()).transport === 'websocket')
  const before = await client.who()
  for (const generation of [2, 3]) {
    await service.reload()
    expect(await client.servedBy(generation)).toEqual({ ...before, generation, recovered: true })
  }
  expect(before).toMatchObject({ upgraded: true, handshake: { query: { page: '1', transport: 'polling' } } })
  expect(client.changes).toEqual(['connect'])
})

test('a client of Socket.IO 2 moves', async () => {
  const service = await start({ io: { allowEIO3: true } })
  const { default: io } = (await import('socket.io-client-2' as string)) as { default: LegacyConnect }
  const { port } = service.target as TcpTarget
  const socket = io(`http://127.0.0.1:${port}`, { transports: ['websocket'], forceNew: true })
  const changes: string[] = []
  for (const event of ['connect', 'disconnect']) socket.on(event, () => changes.push(event))
  const who = () => new Promise<{ generation: number }>((resolve) => socket.emit('who', resolve))
  const before = await who()
  const chat = socket.io.socket('/chat')
  const inChat = () => new Promise<{ generation: number }>((resolve) => chat.emit('who', resolve))
  const beforeInChat = await inChat()
  expect(before).toMatchObject({ protocol: 3, generation: 1 })
  await service.reload()
  await until('generation 2 has the client', async () => (await who()).generation === 2)
  expect(await who()).toEqual({ ...before, generation: 2, recovered: true })
  expect(await inChat()).toEqual({ ...beforeInChat, generation: 2, recovered: true })
  expect(changes).toEqual(['connect'])
  socket.close()
})

type LegacyConnect = (url: string, options: object) => LegacySocket

interface LegacySocket {
  readonly io: { socket(nsp: string): LegacySocket }
  on(event: string, listener: () => void): void
  emit(event: string, answer: (value: never) => void): void
  close(): void
}

test('a client without a namespace moves, and can connect one later', async () => {
  const service = await start({ io: { connectTimeout: 4_000 } })
  const connection = manager(service, { autoConnect: false })
  await new Promise<void>((resolve) => connection.open(() => resolve()))
  const openedAt = performance.now()
  const predecessor = await Control.open(service)
  await service.reload()
  await service.event(
    ({ event, state, generation }) => event === 'state' && state === 'ready' && generation === 2,
  )
  await service.line(/draining: 1 connection open/)
  const client = new Client(connection.socket('/').connect())
  expect((await client.who()).generation).toBe(2)
  await until('the connect timeout of the predecessor is over', () => performance.now() > openedAt + 4_200)
  expect((await client.who()).generation).toBe(2)
  expect(client.changes).toEqual(['connect'])
  predecessor.end()
})

describe.each([
  ['a middleware has not accepted yet', '/gated'],
  ['a function has not accepted yet', '/function-1'],
])('a client that connects a namespace that %s', (_, nsp) => {
  test('stays in the predecessor until it is connected', async () => {
    const service = await start()
    const client = await connect(service)
    const predecessor = await Control.open(service)
    const pending = connect(service, { of: client, nsp })
    await service.event('waiting')
    const other = await connect(service)
    await service.reload()
    await other.servedBy(2)
    expect((await client.who()).generation).toBe(1)
    await predecessor.call('gate', ['open'])
    const gated = await pending
    await client.servedBy(2)
    expect(await gated.servedBy(2)).toMatchObject({ recovered: true })
    expect([client.changes, gated.changes]).toEqual([['connect'], ['connect']])
    predecessor.end()
  })
})

test('a client can connect another namespace during the reload', async () => {
  const service = await start()
  const client = await connect(service)
  const others: Promise<Client>[] = []
  let isOver = false
  const connecting = (async () => {
    for (let n = 0; !isOver; n++) {
      const other = connect(service, { of: client, nsp: `/dynamic-${n}` })
      others.push(other)
      await other
    }
  })()
  await service.reload()
  await client.servedBy(2)
  isOver = true
  await connecting
  for (const other of await Promise.all(others)) {
    expect((await other.who()).generation).toBe(2)
    expect(other.changes).toEqual(['connect'])
  }
  expect(client.changes).toEqual(['connect'])
})

test('a client is disconnected only from a namespace that the next release lacks', async () => {
  const service = await start({ lost: '/lost' })
  const client = await connect(service)
  const lost = await connect(service, { of: client, nsp: '/lost' })
  const chat = await connect(service, { of: client, nsp: '/chat' })
  await service.reload()
  await until('the client is disconnected', () => !lost.socket.connected)
  await client.servedBy(2)
  await chat.servedBy(2)
  expect(lost.changes).toEqual(['connect', 'io server disconnect'])
  expect([client.changes, chat.changes]).toEqual([['connect'], ['connect']])
})

test('two servers of one process move their clients separately', async () => {
  const service = await start({ paths: ['/one', '/two'] })
  const first = await connect(service, { path: '/one' })
  const second = await connect(service, { path: '/two' })
  const ids = [first.socket.id, second.socket.id]
  await service.reload()
  expect([await first.servedBy(2), await second.servedBy(2)]).toMatchObject(ids.map((id) => ({ id })))
  const connections = () =>
    service.facts.filter(({ event, generation }) => event === 'connection' && generation === 2)
  await until('the test knows both connections', () => connections().length >= 2)
  const paths = connections()
  expect(Object.fromEntries(paths.map(({ id, path }) => [id, path]))).toEqual({
    [String(ids[0])]: '/one',
    [String(ids[1])]: '/two',
  })
  await expectMoved(service, 2)
})

test('a binary event whose attachment is missing still arrives completely, before the client moves', async () => {
  const service = await start()
  const { port } = service.target as TcpTarget
  const websocket = new WebSocket(`ws://127.0.0.1:${port}/socket.io/?EIO=4&transport=websocket`)
  const texts: string[] = []
  websocket.on('message', (data, isBinary) => texts.push(isBinary ? `binary ${data}` : String(data)))
  await until('the connection is open', () => texts.length === 1)
  websocket.send('40')
  await until('the namespace is connected', () => texts.length === 2)
  websocket.send('451-1["binary",{"_placeholder":true,"num":0}]')
  await until('the server has the first part', async () => {
    const other = await connect(service)
    return (await other.who()).generation === 1
  })
  await service.reload()
  await service.line(/draining: 1 connection open/)
  websocket.send(Buffer.from('bytes'))
  await until('the acknowledgement is complete', () => texts.includes('binary bytes!'))
  await finalReports(service, 1)
  websocket.send('421["who"]')
  await until('the successor answers', () => texts.some((text) => text.startsWith('431')))
  expect(texts.at(-1)).toContain('"generation":2')
  websocket.close()
})
