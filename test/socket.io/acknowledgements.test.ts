// Acknowledgements that are pending when a client moves.
import { expect, test } from 'vitest'
import { finalReports } from '../support/reports.js'
import { type Service, startService } from '../support/service.js'
import { type Client, Control, connect, movingSocketIo } from '../support/socket-io.js'
import { until } from '../support/until.js'

const start = (socketIo: object = {}) => startService('moving-socket-io.mjs', movingSocketIo({ socketIo }))

const hasMoved = (service: Service, client: Client) =>
  service.event(({ event, id }) => event === 'moved' && id === client.socket.id)

test('the handler of the predecessor acknowledges an event after the client has moved', async () => {
  const service = await start()
  const client = await connect(service)
  const predecessor = await Control.open(service)
  const answer = client.ask('hold')
  await client.who()
  await service.reload()
  await client.servedBy(2)
  await predecessor.call(client.target, ['release'])
  expect(await answer).toBe(1)
  predecessor.end()
})

test('the predecessor exits after its handlers have acknowledged the events of clients that have moved', async () => {
  const service = await start()
  const client = await connect(service)
  const answer = client.ask('slow', 1_500)
  await client.who()
  const { from } = await service.reload()
  await client.servedBy(2)
  expect(await answer).toBe(1)
  expect(await service.exitOf(from.pid)).toMatchObject({ code: 0 })
})

test('after ackTimeoutMs the predecessor exits although no handler acknowledges an event', async () => {
  const service = await start({ ackTimeoutMs: 100 })
  const client = await connect(service)
  client.ask('without a handler').catch(() => {})
  await client.who()
  const { from } = await service.reload()
  expect(await service.exitOf(from.pid)).toMatchObject({ code: 0 })
  expect(await client.servedBy(2)).toMatchObject({ connected: true })
})

test('a client stays in the predecessor until it has acknowledged an event', async () => {
  const service = await start({ ackTimeoutMs: 60_000 })
  const client = await connect(service)
  const other = await connect(service)
  const predecessor = await Control.open(service)
  let acknowledge = (_: string) => {}
  client.socket.on('question', (_, answer) => {
    acknowledge = answer
  })
  const answered = predecessor.call(client.target, ['emitWithAck', 'question', 1])
  await client.has('question')
  await service.reload()
  await other.servedBy(2)
  expect((await client.who()).generation).toBe(1)
  acknowledge('answer')
  expect(await answered).toBe('answer')
  await client.servedBy(2)
  predecessor.end()
})

test('after ackTimeoutMs a client moves, and the predecessor still gets its acknowledgements', async () => {
  const service = await start({ ackTimeoutMs: 100 })
  const client = await connect(service)
  const predecessor = await Control.open(service)
  const acknowledge: ((answer: unknown) => void)[] = []
  client.socket.on('question', (_, answer) => acknowledge.push(answer))
  const answers = [1, 2].map((number) => predecessor.call(client.target, ['emitWithAck', 'question', number]))
  const late = predecessor.call(client.target, ['timeout', 500], ['emitWithAck', 'question', 3])
  await client.has('question', 3)
  await service.reload()
  await client.servedBy(2)
  const successor = await Control.open(service)
  answers.push(successor.call(client.target, ['emitWithAck', 'question', 4]))
  await client.has('question', 4)
  expect(await late).toEqual({ error: 'operation has timed out' })
  for (const n of [2, 1, 0, 3]) acknowledge[n]?.(`answer ${n + 1}`)
  expect(await Promise.all(answers)).toEqual(['answer 1', 'answer 2', 'answer 4'])
  predecessor.end()
  successor.end()
})

test('the successor ignores an acknowledgement for a predecessor that has exited', async () => {
  const service = await start({ ackTimeoutMs: 100 })
  const client = await connect(service)
  let acknowledge = () => {}
  client.socket.on('question', (answer) => {
    acknowledge = answer
  })
  client.run(['emitWithAck', 'question']).catch(() => {})
  await client.has('question')
  await service.reload()
  await finalReports(service, 1)
  acknowledge()
  expect(await client.servedBy(2)).toMatchObject({ connected: true })
  expect(client.changes).toEqual(['connect'])
})

test('the predecessor can still emit with an acknowledgement after the client has moved', async () => {
  const service = await start()
  const client = await connect(service)
  const predecessor = await Control.open(service)
  client.socket.on('question', (answer) => answer('answer', Buffer.from('bytes')))
  await service.reload()
  await hasMoved(service, client)
  expect(await predecessor.call(client.target, ['emitWithAck', 'question'])).toBe('answer')
  predecessor.end()
  await until('the client has one question', () => client.received('question').length === 1)
})
