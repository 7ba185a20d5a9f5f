// Clients that cannot move are closed, and reconnect.
import type { TcpTarget } from '@handover/load'
import { describe, expect, test } from 'vitest'
import { WebSocket } from 'ws'
import { finalReports } from '../support/reports.js'
import { type Service, startService } from '../support/service.js'
import { connect, movingSocketIo } from '../support/socket-io.js'
import { until } from '../support/until.js'

const start = (more: object = {}) => startService('moving-socket-io.mjs', movingSocketIo(more))
const reconnected = ['connect', expect.any(String), 'connect']
const lines = ({ output }: Service, pattern: RegExp) =>
  output.split('\n').filter((line) => pattern.test(line))

test('clients on long polling are closed and reconnect to the successor', async () => {
  const service = await start()
  const clients = [await connect(service, { transports: ['polling'] })]
  for (let n = 0; n < 9; n++) clients.push(await connect(service, { transports: ['polling'] }))
  await service.reload()
  for (const client of clients) {
    expect(await client.servedBy(2)).toMatchObject({ recovered: false })
    expect(client.changes).toEqual(reconnected)
  }
  const [report] = await finalReports(service, 1)
  expect(report?.drain).toMatchObject({ cut: [], timedOut: false })
})

test('clients over TLS are closed one by one and reconnect to the successor', async () => {
  const service = await start({ tls: true, socketIo: { spreadMs: 500 } })
  const clients = [await connect(service, { tls: true })]
  for (let n = 0; n < 9; n++) clients.push(await connect(service, { tls: true }))
  const closedAt: number[] = []
  for (const { socket } of clients) socket.on('disconnect', () => closedAt.push(performance.now()))
  await service.reload()
  for (const client of clients) {
    await client.servedBy(2)
    expect(client.changes).toEqual(['connect', 'transport close', 'connect'])
  }
  expect(new Set(closedAt).size).toBeGreaterThan(1)
  expect((await finalReports(service, 1))[0]?.drain).toMatchObject({ cut: [], timedOut: false })
})

describe.each([
  ['long polling', { transports: ['polling'] }, {}],
  ['WebSocket over TLS', { tls: true }, { tls: true }],
])('with connectionStateRecovery, a client on %s', (_, options, more) => {
  test('recovers its ids, rooms, data and missed packets in the successor', async () => {
    const service = await start({ io: { connectionStateRecovery: {} }, ...more })
    const client = await connect(service, { ...options, reconnection: false })
    const other = await connect(service, more)
    await client.run(['join', 'room'])
    await client.ask('remember', 'rich')
    await other.run(['to', 'room'], ['emit', 'news', 0])
    await client.has('news')
    const before = await client.who()
    await service.reload()
    await until('the client is closed', () => !client.socket.connected)
    await other.servedBy(2)
    for (const data of [1, Buffer.from('two')]) await other.run(['to', 'room'], ['emit', 'news', data])
    client.socket.connect()
    const after = await client.servedBy(2)
    expect(client.socket.recovered).toBe(true)
    const { id, pid, rooms, data } = before
    expect(after).toMatchObject({ id, pid, rooms, data, recovered: true })
    expect(client.received('news').map(([each]) => each)).toEqual([0, 1, Buffer.from('two')])
  })
})

test('a client whose data cannot be cloned is closed with one log line, and the other clients move', async () => {
  const service = await start()
  const client = await connect(service)
  const other = await connect(service)
  await client.ask('remember', 'function')
  await service.reload()
  expect(await client.servedBy(2)).toMatchObject({ recovered: false, data: '{}' })
  expect(client.changes).toEqual(['connect', 'transport close', 'connect'])
  await other.servedBy(2)
  expect(other.changes).toEqual(['connect'])
  await service.line(/^handover.*clone/)
  expect(lines(service, /^handover.*clone/)).toHaveLength(1)
})

test.each([
  ['Socket.IO', { missing: 'clientsCount' }, 'the clients of engine.io'],
  ['a client', { missingInClient: 'resetPingTimeout' }, 'the ping timer of a client'],
])('when a private part of %s is missing, clients are closed after one warning', async (_, more, part) => {
  const service = await start(more)
  const clients = [await connect(service), await connect(service), await connect(service)]
  await service.reload()
  for (const client of clients) {
    expect(await client.servedBy(2)).toMatchObject({ recovered: false })
    expect(client.changes).toEqual(['connect', 'transport close', 'connect'])
  }
  const warning = new RegExp(`\\[${service.pid}\\].*missing: `)
  await service.line(warning)
  expect(lines(service, warning)).toEqual([
    expect.stringMatching(`cannot move clients, so a reload closes them \\(missing: ${part}\\)`),
  ])
})

test('a client in the middle of an upgrade to WebSocket moves after the upgrade', async () => {
  const service = await start()
  const { port } = service.target as TcpTarget
  const polling = `http://127.0.0.1:${port}/socket.io/?EIO=4&transport=polling`
  const { sid } = JSON.parse((await (await fetch(polling)).text()).slice(1))
  await fetch(`${polling}&sid=${sid}`, { method: 'POST', body: '40' })
  await (await fetch(`${polling}&sid=${sid}`)).text()
  const websocket = new WebSocket(`ws://127.0.0.1:${port}/socket.io/?EIO=4&transport=websocket&sid=${sid}`)
  const texts: string[] = []
  websocket.on('message', (data) => texts.push(String(data)))
  await until('the WebSocket is open', () => websocket.readyState === WebSocket.OPEN)
  websocket.send('2probe')
  await until('the upgrade has begun', () => texts.includes('3probe'))
  await service.reload()
  await service.line(/draining: 1 connection open/)
  websocket.send('5')
  await finalReports(service, 1)
  websocket.send('421["who"]')
  await until('the successor answers', () => texts.some((text) => text.startsWith('431')))
  expect(texts.at(-1)).toContain('"generation":2')
  expect(texts.at(-1)).toContain(sid)
  websocket.close()
})

test('a client is closed and reconnects when the next release has no WebSockets', async () => {
  const service = await start({ later: { transports: ['polling'] } })
  const client = await connect(service, { transports: ['websocket', 'polling'], tryAllTransports: true })
  await service.reload()
  expect(await client.servedBy(2)).toMatchObject({ recovered: false, transport: 'polling' })
  expect((await finalReports(service, 1))[0]?.drain).toMatchObject({ cut: [], timedOut: false })
})
