import { describe, expect, test } from 'vitest'
import { finalReports } from '../support/reports.js'
import { type Fact, startService } from '../support/service.js'
import { until } from '../support/until.js'
import { Conversation, expectIntact, moving, openConversations } from '../support/websockets.js'

const untouched = { closed: 0, lost: 0, cut: [] }

test('C43: 100 WebSockets stay open through five reloads, and no message is lost, duplicated or reordered', {
  timeout: 180_000,
}, async () => {
  const service = await startService('ws.mjs', moving({ everyMs: 50 }))
  const conversations = await openConversations(service.target, 100)
  for (const conversation of conversations) conversation.talk(50)
  for (let generation = 2; generation <= 6; generation++) {
    await service.reload()
    const allServed = () => conversations.every(({ heardFrom }) => heardFrom === `generation-${generation}`)
    await until(`generation ${generation} serves all WebSockets`, allServed, 60_000)
  }
  // One message in 400 is the longest.
  await until('each client has sent a megabyte', () => conversations.every(({ sent }) => sent > 400), 60_000)
  await expectIntact(service, conversations)
  for (const { drain } of await finalReports(service, 5)) {
    expect(drain).toMatchObject({ ...untouched, moved: 100 })
  }
})

test('C43: 1000 idle WebSockets continue through five reloads', { timeout: 180_000 }, async () => {
  const service = await startService('ws.mjs', moving({ serialize: 'sync' }))
  const conversations = await openConversations(service.target, 1_000)
  for (let generation = 2; generation <= 6; generation++) {
    await service.reload()
    const { drain } = (await finalReports(service, generation - 1)).at(-1) as { drain: object }
    expect(drain).toMatchObject({ ...untouched, moved: 1_000 })
  }
  const served = await Promise.all(conversations.map((conversation) => conversation.who()))
  expect(new Set(served)).toEqual(new Set([6]))
  await expectIntact(service, conversations)
})

test('C43: busy WebSockets continue through six reloads in a row, in which they pass through draining generations', async () => {
  const service = await startService('ws.mjs', moving({ everyMs: 20 }, { probationMs: 0 }))
  const conversations = await openConversations(service.target, 20)
  for (const conversation of conversations) conversation.talk(20)
  for (let i = 0; i < 6; i++) await service.reload()
  await finalReports(service, 6)
  await expectIntact(service, conversations)
})

test('C43: messages that the predecessor sends during and after a move arrive once and in order', async () => {
  const service = await startService('ws.mjs', moving({ late: true, everyMs: 1 }))
  const conversations = await openConversations(service.target, 20)
  // An unfinished message keeps the predecessor alive until the other clients have received everything.
  const [keeper] = (await openConversations(service.target, 1)) as [Conversation]
  keeper.websocket.send('wh', { fin: false })
  await service.reload()
  for (const conversation of conversations) await conversation.word((said) => said === 'late 1 7')
  expect(new Set(await Promise.all(conversations.map((each) => each.who())))).toEqual(new Set([2]))
  keeper.websocket.send('o', { fin: true })
  await expectIntact(service, [keeper, ...conversations])
})

test('C43: messages that arrive during serialize are delivered once, and earlier requests get their response', async () => {
  const service = await startService('ws.mjs', moving({ serializeMs: 200, restore: 'late' }))
  const conversations = await openConversations(service.target, 20)
  for (const conversation of conversations) conversation.talk(10)
  const answers = Promise.all(conversations.map((conversation) => conversation.ask('slow 300')))
  await service.reload()
  expect(await answers).toEqual(conversations.map(() => ['300']))
  await finalReports(service, 1)
  expect(new Set(await Promise.all(conversations.map((each) => each.who())))).toEqual(new Set([2]))
  await expectIntact(service, conversations)
})

test('C43: a WebSocket with an unfinished message moves when the message is complete', async () => {
  const service = await startService('ws.mjs', moving())
  const [conversation] = (await openConversations(service.target, 1)) as [Conversation]
  const { websocket } = conversation
  websocket.send('wh', { fin: false })
  await service.reload()
  await service.line(/draining: 1 connection open/)
  websocket.send('o', { fin: true })
  expect(await conversation.word((said) => said.startsWith('who 1'))).toContain(String(service.pid))
  await finalReports(service, 1)
  expect(await conversation.who()).toBe(2)
  await expectIntact(service, [conversation])
})

describe.each([
  ['new WebSocketServer({ server })', 'ws.mjs', {}],
  ['handleUpgrade', 'ws.mjs', { noServer: true }],
  ['two paths', 'ws.mjs', { paths: ['/', '/other'] }],
  ['Express', 'ws.mjs', { framework: 'express' }],
  ['Koa', 'ws.mjs', { framework: 'koa' }],
  ['@fastify/websocket', 'ws-fastify.mjs', {}],
  ['a route of @fastify/websocket', 'ws-fastify.mjs', { restore: 'route' }],
  ['allowSynchronousEvents: false', 'ws.mjs', { ws: { allowSynchronousEvents: false } }],
])('%s', (_, fixture, more) => {
  test('C43: moved WebSockets keep their path and stay in the set of clients until they close', async () => {
    const service = await startService(fixture, moving({ everyMs: 20, ...more }))
    const conversations = [
      await Conversation.open(service.target),
      await Conversation.open(service.target, '/other'),
    ]
    for (const conversation of conversations) conversation.talk(20)
    for (const generation of [2, 3]) {
      await service.reload()
      const [report] = (await finalReports(service, generation - 1)).slice(-1)
      expect(report?.drain).toMatchObject({ ...untouched, moved: 2 })
      expect(await service.event(clientsOf(report?.pid))).toMatchObject({ count: 0 })
    }
    const clients = fixture === 'ws.mjs' && 'paths' in more ? '1' : '2'
    const [first, second] = conversations as [Conversation, Conversation]
    expect(await first.ask('who')).toEqual(['3', expect.any(String), '/', clients])
    expect(await first.ask('host')).toEqual([expect.stringMatching(/^127\.0\.0\.1/)])
    expect(await second.ask('who')).toEqual(['3', expect.any(String), '/other', clients])
    await expectIntact(service, [first])
    await service.event(({ event, closing }) => event === 'websocket-closed' && closing === 1006)
    expect((await second.ask('who')).at(-1)).toBe('1')
    await expectIntact(service, [second])
  })
})

test('C43: the WebSocketServer options for pings, limits and the subprotocol apply after a reload', async () => {
  const options = { maxPayload: 1_000, autoPong: false }
  const service = await startService('ws.mjs', moving({ ws: options }))
  const conversation = await Conversation.open(service.target, '/', {}, ['first', 'second'])
  expect(conversation.websocket.protocol).toBe('first')
  await service.reload()
  await finalReports(service, 1)
  let pongs = 0
  conversation.websocket.on('pong', () => pongs++)
  conversation.websocket.ping()
  expect(await conversation.ask('ping payload')).toEqual(['payload'])
  expect(await conversation.who()).toBe(2)
  expect(pongs).toBe(0)
  conversation.websocket.send('x'.repeat(1_001))
  expect(await conversation.closed()).toMatchObject({ code: 1009 })
})

const clientsOf =
  (of: number | undefined) =>
  ({ event, pid }: Fact) =>
    event === 'clients' && pid === of
