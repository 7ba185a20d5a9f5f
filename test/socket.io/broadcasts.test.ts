// While two generations have clients, each broadcast reaches every client once.
import { isDeepStrictEqual as equals } from 'node:util'
import { expect, test } from 'vitest'
import { startService } from '../support/service.js'
import { type Client, Control, connect, movingSocketIo } from '../support/socket-io.js'
import { until } from '../support/until.js'

/** `stays` is in the predecessor until it answers its first question; `moves` is in the successor. */
async function split(more: object = {}) {
  const service = await startService(
    'moving-socket-io.mjs',
    movingSocketIo({ socketIo: { ackTimeoutMs: 60_000 }, ...more }),
  )
  const stays = await connect(service)
  const moves = await connect(service)
  const answers: ((answer: string) => void)[] = []
  stays.socket.on('question', (answer) => answers.push(answer))
  moves.socket.on('question', (answer) => answer('moves'))
  for (const client of [stays, moves])
    await client.run(['join', ['all', client === stays ? 'stays' : 'moves']])
  const predecessor = await Control.open(service)
  // The test does not use this answer, and the connection for it may end first.
  predecessor.call(stays.target, ['emitWithAck', 'question']).catch(() => {})
  await stays.has('question')
  await service.reload()
  await moves.servedBy(2)
  const successor = await Control.open(service)
  expect((await stays.who()).generation).toBe(1)
  const end = async () => {
    for (const answer of answers) answer('stays')
    predecessor.end()
    successor.end()
    await stays.servedBy(2)
    expect([stays.changes, moves.changes]).toEqual([['connect'], ['connect']])
  }
  return { service, stays, moves, predecessor, successor, answers, end }
}

/** Repeats a question until the answer is complete: a process answers without the other one, if that takes a second. */
const untilEqual = (expected: unknown, ask: () => Promise<unknown>) =>
  until(`the answer is ${JSON.stringify(expected)}`, async () => equals(await ask(), expected))

const received = (client: Client, event: string) => client.received(event).map(([data]) => data)

test.each([
  ['in memory', {}],
  ['with connection state recovery', { io: { connectionStateRecovery: {} } }],
])('broadcasts of both processes reach clients in both, once and in order (%s)', async (_, more) => {
  const { stays, moves, predecessor, successor, end } = await split(more)
  const bytes = Buffer.from('bytes')
  for (const [name, control] of [['predecessor', predecessor] as const, ['successor', successor] as const]) {
    for (let n = 0; n < 3; n++) await control.call('/', ['emit', name, n])
    await control.call('/', ['to', 'all'], ['emit', name, 'room'])
    await control.call('/', ['to', 'all'], ['except', 'stays'], ['emit', name, 'not stays'])
    await control.call('/', ['to', 'all'], ['except', 'moves'], ['emit', name, 'not moves'])
    await control.call('/', ['to', ['stays', 'all']], ['emit', name, 'two rooms'])
    // Both generations are one server, so its local clients are those of both.
    await control.call('/', ['local'], ['emit', name, 'local'])
    await control.call('/', ['emit', name, 'end'])
  }
  // A volatile event may get lost while another packet is on its way.
  await predecessor.call('/', ['volatile'], ['emit', 'volatile', 1])
  await Promise.all([stays.has('volatile'), moves.has('volatile')])
  await stays.run(['broadcast'], ['emit', 'from stays', bytes])
  await moves.run(['to', 'all'], ['emit', 'from moves', bytes])
  const common = [0, 1, 2, 'room']
  for (const [client, own, other] of [
    [stays, 'predecessor', 'successor'],
    [moves, 'successor', 'predecessor'],
  ] as const) {
    const exclusive = client === stays ? 'not moves' : 'not stays'
    const all = [...common, exclusive, 'two rooms', 'local', 'end']
    await until('the last broadcast has arrived', () => received(client, other).includes('end'))
    expect([received(client, own), received(client, other)]).toEqual([all, all])
  }
  await stays.has('from moves')
  await moves.has('from stays')
  expect([received(stays, 'from moves'), received(stays, 'from stays')]).toEqual([[bytes], []])
  expect([received(moves, 'from stays'), received(moves, 'from moves')]).toEqual([[bytes], []])
  await end()
})

test('a broadcast with acknowledgements gets those of the clients in both processes', async () => {
  const { stays, predecessor, successor, answers, end } = await split()
  const inTime = ['timeout', 60_000] as const
  for (const control of [predecessor, successor]) {
    await untilEqual(['moves', 'stays'], async () => {
      const { length } = answers
      const all = control.call<string[]>('/', inTime, ['emitWithAck', 'question'])
      await until('the client has the question', () => answers.length > length)
      answers[length]?.('stays')
      return (await all).sort()
    })
    await untilEqual(['moves'], () => control.call('/', ['to', 'moves'], inTime, ['emitWithAck', 'question']))
  }
  const { length } = answers
  const unanswered = successor.call('/', ['timeout', 200], ['emitWithAck', 'question'])
  await until('the client has the question', () => answers.length > length)
  expect(await unanswered).toEqual({ error: 'operation has timed out' })
  expect(stays.changes).toEqual(['connect'])
  await end()
})

test('fetchSockets, socketsJoin and socketsLeave concern the clients in both processes', async () => {
  const { stays, moves, predecessor, successor, end } = await split()
  await stays.ask('remember', 'stays here')
  const ids = [stays.socket.id, moves.socket.id].sort()
  const found = async (control: Control, room: string) => {
    const sockets = await control.call<{ id: string; data: object }[]>('/', ['in', room], ['fetchSockets'])
    return sockets.toSorted((a, b) => a.id.localeCompare(b.id, 'en'))
  }
  const idsOf = async (control: Control, room: string) =>
    (await found(control, room)).map(({ id }) => id).sort()
  for (const control of [predecessor, successor]) {
    const other = control === predecessor ? successor : predecessor
    await untilEqual(ids, () => idsOf(control, 'all'))
    const data = [{ what: 'stays here' }]
    await untilEqual(data, async () => (await found(control, 'stays')).map((each) => each.data))
    await control.call('/', ['in', 'all'], ['socketsJoin', 'more'])
    await until('both have joined', async () => (await idsOf(other, 'more')).length === 2)
    await control.call('/', ['in', 'all'], ['socketsLeave', 'more'])
    await until('both have left', async () => (await idsOf(other, 'more')).length === 0)
  }
  await end()
})

test.each(['predecessor', 'successor'] as const)(
  'disconnectSockets of the %s disconnects the clients in both processes',
  async (name) => {
    const { service, stays, moves, ...controls } = await split()
    await controls[name].call('/', ['disconnectSockets'])
    await until('both are disconnected', () => stays.changes.length + moves.changes.length === 4)
    expect([stays.changes, moves.changes]).toEqual(Array(2).fill(['connect', 'io server disconnect']))
    controls.predecessor.end()
    controls.successor.end()
    for (const each of [1, 2]) {
      const { reason } = await service.event(
        ({ event, generation }) => event === 'disconnect' && generation === each,
      )
      expect(reason).toBe('server namespace disconnect')
    }
  },
)

test('msgpack clients move, and broadcasts reach them in both processes', async () => {
  const service = await startService('moving-socket-io.mjs', movingSocketIo({ msgpack: true }))
  const { default: parser } = await import('socket.io-msgpack-parser')
  const client = await connect(service, { parser, auth: { token: 'secret' } })
  await client.run(['join', 'room'])
  await client.ask('remember', 'rich')
  const before = await client.who()
  const predecessor = await Control.open(service)
  await service.reload()
  expect(await client.servedBy(2)).toEqual({ ...before, generation: 2, recovered: true })
  const event = ['news', 1, null, { bytes: Buffer.from('bytes') }] as const
  await predecessor.call('/', ['to', 'room'], ['emit', ...event])
  await predecessor.call(client.target, ['emit', 'late', 1])
  await client.has('late')
  expect(client.received('news')).toMatchObject([[1, null, {}]])
  expect(await client.ask('binary', Buffer.from('bytes'))).toEqual(Buffer.from('bytes!'))
  predecessor.end()
  expect(client.changes).toEqual(['connect'])
})
