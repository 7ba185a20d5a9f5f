// Calls of the predecessor on the socket of a client that has moved.
import { expect, test } from 'vitest'
import { finalReports } from '../support/reports.js'
import { type Service, startService } from '../support/service.js'
import { type ClientOptions, Control, connect, movingSocketIo } from '../support/socket-io.js'
import { until } from '../support/until.js'

/** A client that has moved, and its predecessor, which waits for commands. */
async function moved(io: object = {}, options: ClientOptions = {}) {
  const service = await startService('moving-socket-io.mjs', movingSocketIo({ io }))
  const client = await connect(service, options)
  await client.run(['join', 'before'])
  const predecessor = await Control.open(service)
  await service.reload()
  await client.servedBy(2)
  return { service, client, predecessor }
}

const disconnects = (service: Service) => service.facts.filter(({ event }) => event === 'disconnect')

test.each([{}, { connectionStateRecovery: {} }])(
  'the client gets what the predecessor emits, once and in order (%o)',
  async (io) => {
    const { client, predecessor } = await moved(io)
    for (let n = 0; n < 5; n++) {
      await predecessor.call(client.target, ['emit', 'late', n])
      await predecessor.call(client.target, ['to', 'before'], ['emit', 'other', n])
      await predecessor.call('/', ['emit', 'all', n])
    }
    await client.has('all', 5)
    const own = client.received('late').map(([n]) => n)
    expect(own).toEqual([0, 1, 2, 3, 4])
    expect(client.received('all').map(([n]) => n)).toEqual(own)
    // A socket does not get what it sends to its own rooms.
    expect(client.received('other')).toEqual([])
    predecessor.end()
  },
)

test('join, leave and rooms of the predecessor concern the client in the successor', async () => {
  const { client, predecessor } = await moved()
  expect(await predecessor.call(client.target, ['rooms'])).toEqual([client.socket.id, 'before'].sort())
  await predecessor.call(client.target, ['join', ['late', 'later']])
  await predecessor.call(client.target, ['leave', 'before'])
  expect(await predecessor.call(client.target, ['rooms'])).toEqual([client.socket.id, 'late', 'later'].sort())
  const rooms = [client.socket.id, 'late', 'later'].sort()
  await until('the rooms have changed', async () => String((await client.who()).rooms) === String(rooms))
  predecessor.end()
})

test('a disconnect of the predecessor disconnects the client from the namespace in the successor', async () => {
  const { service, client, predecessor } = await moved()
  const chat = await connect(service, { of: client, nsp: '/chat' })
  await predecessor.call(client.target, ['disconnect'])
  await until('the client is disconnected', () => !client.socket.connected)
  expect(client.changes).toEqual(['connect', 'io server disconnect'])
  await service.event('disconnect')
  expect(disconnects(service)).toMatchObject([{ generation: 2, reason: 'server namespace disconnect' }])
  expect((await chat.who()).generation).toBe(2)
  predecessor.end()
})

test('a disconnect of the predecessor with true closes the connection', async () => {
  const { service, client, predecessor } = await moved({}, { reconnection: false })
  const chat = await connect(service, { of: client, nsp: '/chat' })
  await predecessor.call(client.target, ['disconnect', true])
  await until('the client is disconnected', () => !client.socket.connected && !chat.socket.connected)
  await until('the server has both disconnects', () => disconnects(service).length >= 2)
  expect(disconnects(service).map(({ generation }) => generation)).toEqual([2, 2])
  predecessor.end()
})

test('the predecessor gets no disconnect, not even when the client disconnects during its drain', async () => {
  const { service, client, predecessor } = await moved()
  client.socket.disconnect()
  await service.event('disconnect')
  predecessor.end()
  await finalReports(service, 1)
  expect(disconnects(service)).toMatchObject([{ generation: 2, reason: 'client namespace disconnect' }])
})

test('the option moved gets each socket with its rooms, while it is still connected for the application', async () => {
  const { service, client, predecessor } = await moved()
  const { generation, connected } = await service.event('moved')
  expect({ generation, connected }).toEqual({ generation: 1, connected: true })
  expect(await predecessor.call(client.target, ['connected'])).toBe(true)
  predecessor.end()
})

test('calls of the predecessor reach a client that has moved twice', async () => {
  const { service, client, predecessor } = await moved()
  const answer = predecessor.call(client.target, ['emitWithAck', 'question', 1])
  let acknowledge = (_: string) => {}
  client.socket.on('question', (_, given) => {
    acknowledge = given
  })
  await client.has('question')
  await service.reload()
  await client.servedBy(3)
  for (let n = 0; n < 3; n++) await predecessor.call(client.target, ['emit', 'late', n])
  await predecessor.call(client.target, ['join', 'late'])
  await predecessor.call('/', ['to', 'before'], ['emit', 'broadcast', 1])
  await client.has('broadcast')
  expect(client.received('late').map(([n]) => n)).toEqual([0, 1, 2])
  await until('the client has joined', async () => (await client.who()).rooms.includes('late'))
  acknowledge('answer')
  expect(await answer).toBe('answer')
  predecessor.end()
  expect(client.changes).toEqual(['connect'])
})
