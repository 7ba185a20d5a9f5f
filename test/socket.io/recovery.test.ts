// Connection state recovery of clients whose connection breaks around a reload.
import { expect, test } from 'vitest'
import { startService } from '../support/service.js'
import { Control, connect, movingSocketIo } from '../support/socket-io.js'
import { until } from '../support/until.js'

const start = () =>
  startService('moving-socket-io.mjs', movingSocketIo({ io: { connectionStateRecovery: {} } }))

test('a moved client whose connection breaks recovers what it has missed', async () => {
  const service = await start()
  const client = await connect(service, { reconnection: false })
  const other = await connect(service)
  await client.run(['join', 'room'])
  await client.ask('remember', 'rich')
  await other.run(['to', 'room'], ['emit', 'news', 0])
  await client.has('news')
  const before = await client.who()
  await service.reload()
  await client.servedBy(2)
  await other.servedBy(2)
  client.socket.io.engine.close()
  await service.event(({ event, id }) => event === 'disconnect' && id === before.id)
  await other.run(['to', 'room'], ['emit', 'news', 1])
  client.socket.connect()
  const { id, pid, rooms, data } = before
  expect(await client.servedBy(2)).toMatchObject({ id, pid, rooms, data, recovered: true })
  expect(client.socket.recovered).toBe(true)
  await service.reload()
  expect(await client.servedBy(3)).toMatchObject({ id, pid, rooms, data, recovered: true })
  expect(client.changes).toEqual(['connect', 'forced close', 'connect'])
  expect(client.received('news').map(([n]) => n)).toEqual([0, 1])
})

test('a client that disconnects before a reload recovers in the successor', async () => {
  const service = await start()
  const client = await connect(service, { reconnection: false })
  const other = await connect(service)
  await other.run(['broadcast'], ['emit', 'news', 0])
  await client.has('news')
  const { id } = await client.who()
  client.socket.io.engine.close()
  await service.event('disconnect')
  await other.run(['broadcast'], ['emit', 'news', 1])
  await service.reload()
  await other.servedBy(2)
  await other.run(['broadcast'], ['emit', 'news', 2])
  client.socket.connect()
  expect(await client.servedBy(2)).toMatchObject({ id, recovered: true })
  expect(client.received('news').map(([n]) => n)).toEqual([0, 1, 2])
})

test('a client that reconnects to the successor gets what the predecessor emits afterwards', async () => {
  const service = await start()
  const client = await connect(service, { transports: ['polling'], reconnection: false })
  await client.run(['join', 'room'])
  const predecessor = await Control.open(service)
  await predecessor.call('/', ['to', 'room'], ['emit', 'news', 0])
  await client.has('news')
  await service.reload()
  await until('the client is closed', () => !client.socket.connected)
  const successor = await Control.open(service)
  await predecessor.call('/', ['to', 'room'], ['emit', 'news', 1])
  client.socket.connect()
  await client.servedBy(2)
  await predecessor.call('/', ['to', 'room'], ['emit', 'news', 2])
  // Only the order of one process is certain.
  await client.has('news', 3)
  await successor.call('/', ['to', 'room'], ['emit', 'news', 3])
  await client.has('news', 4)
  expect(client.socket.recovered).toBe(true)
  expect(client.received('news').map(([n]) => n)).toEqual([0, 1, 2, 3])
  predecessor.end()
  successor.end()
})
