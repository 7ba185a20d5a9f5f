// What runs again for a client that has moved, and the options of the next release.
import { expect, test } from 'vitest'
import { finalReports } from '../support/reports.js'
import { type Service, startService } from '../support/service.js'
import { connect, movingSocketIo } from '../support/socket-io.js'
import { until } from '../support/until.js'

const start = (more: object = {}) => startService('moving-socket-io.mjs', movingSocketIo(more))
const runs = (service: Service) =>
  service.facts.filter(({ event }) => event === 'middleware').map(({ generation }) => generation)
const withRecovery = { io: { connectionStateRecovery: {} } }

test('the middlewares of io.use do not run again for a client that has moved', async () => {
  const service = await start({ middlewares: 'refuse' })
  const client = await connect(service)
  await service.reload()
  expect(await client.servedBy(2)).toMatchObject({ recovered: true })
  expect(runs(service)).toEqual([1])
  expect(client.changes).toEqual(['connect'])
})

test.each([{}, withRecovery])(
  'with skipMiddlewares: false, the middlewares of io.use run again (%o)',
  async (more) => {
    const service = await start({ middlewares: 'pass', socketIo: { skipMiddlewares: false }, ...more })
    const client = await connect(service)
    const before = await client.who()
    await service.reload()
    expect(await client.servedBy(2)).toEqual({ ...before, generation: 2, recovered: true })
    await until('the test knows both runs', () => runs(service).length >= 2)
    expect(runs(service)).toEqual([1, 2])
    expect(client.changes).toEqual(['connect'])
  },
)

test.each([{}, withRecovery])(
  'a client that a middleware refuses is closed and reconnects (%o)',
  async (more) => {
    const service = await start({ middlewares: 'refuse', socketIo: { skipMiddlewares: false }, ...more })
    const client = await connect(service)
    const chat = await connect(service, { of: client, nsp: '/chat' })
    const { id } = client.socket
    await service.reload()
    await client.servedBy(2)
    await chat.servedBy(2)
    expect(client.changes).toEqual(['connect', 'transport close', 'connect'])
    const sockets = await client.run<{ id: string }[]>(['nsp'], ['fetchSockets'])
    expect(sockets.map((each) => each.id)).toEqual([client.socket.id])
    expect(await client.run(['nsp'], ['sockets'], ['size'])).toBe(1)
    const connections = service.facts.filter(
      ({ event, generation }) => event === 'connection' && generation === 2,
    )
    expect(connections.filter((fact) => fact.id === id && fact.nsp === '/' && !fact.recovered)).toEqual([])
    await service.line(/restoring it failed: Error: refused/)
  },
)

test('the middlewares of io.engine.use run for the request of a client that has moved', async () => {
  const service = await start({ session: 'pass' })
  const clients = [
    await connect(service, { extraHeaders: { 'x-user': 'ann' } }),
    await connect(service, { extraHeaders: { 'x-user': 'bob' }, transports: ['polling', 'websocket'] }),
  ]
  for (const client of clients) {
    await until('the client uses WebSocket', async () => (await client.who()).transport === 'websocket')
  }
  await service.reload()
  for (const [n, user] of ['ann', 'bob'].entries()) {
    expect((await clients[n]?.servedBy(2))?.session).toEqual({ user, generation: 2 })
    expect(clients[n]?.changes).toEqual(['connect'])
  }
})

test('a client that a middleware of io.engine refuses is closed and reconnects', async () => {
  const service = await start({ session: 'refuse' })
  const client = await connect(service, { transports: ['websocket'] })
  await service.reload()
  await until('the client is closed', () => client.changes.length > 1)
  expect(client.changes[1]).toBe('transport close')
  expect((await finalReports(service, 1))[0]?.drain).toMatchObject({ cut: [] })
  await service.line(/restoring it failed: Error: refused/)
})

test('maxHttpBufferSize of the next release applies to a client that has moved', async () => {
  const service = await start({ io: { maxHttpBufferSize: 10_000 }, later: { maxHttpBufferSize: 1_000 } })
  const client = await connect(service)
  const bytes = Buffer.alloc(5_000)
  expect(await client.ask('binary', bytes)).toHaveLength(5_001)
  await service.reload()
  await client.servedBy(2)
  expect(client.changes).toEqual(['connect'])
  await expect(client.ask('binary', bytes)).rejects.toThrow('disconnected')
  await until('the client has reconnected', () => client.changes.length === 3)
})

test('clients that have moved do not notice io.close() in the predecessor', async () => {
  const service = await start({ closeAt: 'drained' })
  const client = await connect(service)
  await service.reload()
  await finalReports(service, 1)
  await service.exitOf(service.pid)
  expect(await client.servedBy(2)).toMatchObject({ recovered: true })
  expect(client.changes).toEqual(['connect'])
})

test('with io.close() at the beginning of the drain, clients reconnect to the successor', async () => {
  const service = await start({ closeAt: 'draining' })
  const clients = [await connect(service), await connect(service, { transports: ['polling'] })]
  await service.reload()
  for (const client of clients) {
    await client.servedBy(2)
    expect(client.changes).toEqual(['connect', expect.any(String), 'connect'])
  }
  expect(await service.exitOf(service.pid)).toMatchObject({ code: 0 })
})
