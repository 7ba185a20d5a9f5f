import { describe, expect, test } from 'vitest'
import { finalReports } from '../support/reports.js'
import { type Service, startService } from '../support/service.js'
import {
  type Closing,
  Conversation,
  moving,
  openConversations,
  withoutContext,
} from '../support/websockets.js'

const compressed = { perMessageDeflate: withoutContext }
const restart = { code: 1012, reason: 'service restart' }

async function closings(conversations: readonly Conversation[]): Promise<Closing[]> {
  const all = await Promise.all(conversations.map((conversation) => conversation.closed()))
  expect(conversations.flatMap(({ faults }) => faults)).toEqual([])
  return all
}

/** Expects that generation 1 closed all WebSockets gracefully and before its limit. */
async function expectClosed(service: Service, count: number): Promise<void> {
  const [report] = await finalReports(service, 1)
  expect(report?.drain).toMatchObject({ moved: 0, lost: 0, cut: [], timedOut: false })
  expect(report?.drain.kinds.upgraded.closed).toBe(count)
}

test('C43: the service closes WebSockets that are compressed with context takeover with 1012 and spread over time', async () => {
  const service = await startService('ws.mjs', moving({ ws: { perMessageDeflate: true }, spreadMs: 3_000 }))
  const conversations = await openConversations(service.target, 300)
  expect(conversations.every(({ websocket }) => websocket.extensions !== '')).toBe(true)
  await service.reload()
  const all = await closings(conversations)
  for (const closing of all) expect(closing).toMatchObject(restart)
  await expectClosed(service, 300)
  const moments = all.map(({ at }) => at)
  expect(Math.max(...moments) - Math.min(...moments)).toBeGreaterThan(500)
})

describe.each([
  ['over TLS', { tls: true }, {}],
  ['when serialize declines', { serialize: 'decline' }, {}],
  ['when serialize rejects', { serialize: 'throw' }, {}],
  ['when serialize takes too long', { serialize: 'never' }, { hookTimeoutMs: 200 }],
  ['when the state cannot be cloned', { serialize: 'function' }, {}],
  ['when moveConnections is off', {}, { moveConnections: false }],
  ['when the next release does not use @handover/ws', { onlyFirst: 'graceful' }, {}],
  ['when the internals of ws are unknown', { foreign: true }, {}],
  ['when the next release does not compress', { ws: compressed, later: {} }, {}],
  ['when the compression of ws is unknown', { ws: compressed, foreign: 'deflate' }, {}],
  [
    'when only the client gives up its context',
    { ws: { perMessageDeflate: { clientNoContextTakeover: true } } },
    {},
  ],
])('%s', (_, more, graceful) => {
  test('the predecessor serves WebSockets until it closes them with 1012', async () => {
    const service = await startService('ws.mjs', moving({ everyMs: 10, ...more }, graceful))
    const target = 'tls' in more ? { ...service.target, tls: true } : service.target
    const conversations = await openConversations(target, 10)
    for (const conversation of conversations) conversation.talk(10)
    await service.reload()
    for (const closing of await closings(conversations)) expect(closing).toMatchObject(restart)
    await expectClosed(service, 10)
    expect(conversations.filter(({ heardFrom }) => heardFrom !== 'generation-1')).toEqual([])
    const later = await openConversations(target, 1)
    expect(await later[0]?.who()).toBe(2)
    later[0]?.close()
  })
})

test('the log contains the error of serialize and the missing internals of ws', async () => {
  const failing = await startService('ws.mjs', moving({ serialize: 'throw' }))
  const conversations = await openConversations(failing.target, 1)
  await failing.reload()
  await closings(conversations)
  await failing.line(/cannot move a connection \(ws:1\): Error: serialize failed/)
  const foreign = await startService('ws.mjs', moving({ foreign: true }))
  const [conversation] = await openConversations(foreign.target, 1)
  await foreign.line(/this version of ws cannot move WebSockets.*missing: the queue of the sender/)
  conversation?.close()
  const compressing = await startService('ws.mjs', moving({ ws: compressed, foreign: 'deflate' }))
  for (const each of await openConversations(compressing.target, 2)) each.close()
  await compressing.line(/cannot move compressed WebSockets.*missing: the compression of the receiver/)
  expect(compressing.output.match(/cannot move compressed/g)).toHaveLength(1)
})

test.each([
  ['restore fails', { restore: 'throw' }],
  ['the successor no longer supports its subprotocol', { onlyFirst: 'protocol' }],
])('the successor closes a moved WebSocket with 1012 when %s', async (_, more) => {
  const service = await startService('ws.mjs', moving(more))
  const conversation = await Conversation.open(service.target, '/', {}, ['first'])
  await service.reload()
  expect(await conversation.closed()).toMatchObject(restart)
  const [report] = await finalReports(service, 1)
  expect(report?.drain).toMatchObject({ moved: 1, closed: 0, cut: [] })
  await service.line(/restoring it failed: Error: restore failed|does not support its subprotocol first/)
})

test('the successor closes a moved WebSocket with 1012 when its route refuses the request', async () => {
  const service = await startService('ws-fastify.mjs', moving({ restore: 'route', refuse: true }))
  const conversation = await Conversation.open(service.target)
  await service.reload()
  expect(await conversation.closed()).toMatchObject(restart)
  await service.line(/restoring it failed: Error: the application refused the request of the WebSocket/)
})

test('a restored WebSocket without a message listener is reported once', async () => {
  const service = await startService('ws.mjs', moving({ restore: 'nothing' }))
  const conversations = await openConversations(service.target, 3)
  await service.reload()
  await finalReports(service, 1)
  await service.line(/a restored WebSocket has no message listener/)
  expect(service.output.match(/has no message listener/g)).toHaveLength(1)
  for (const conversation of conversations) conversation.close()
})

test('a shutdown closes WebSockets one by one with 1012 before the limit', async () => {
  const service = await startService('ws.mjs', moving({ spreadMs: 60_000 }, { drainTimeoutMs: 10_000 }))
  // One every 10 ms would exceed the limit.
  const conversations = await openConversations(service.target, 1_100)
  service.signal('SIGTERM')
  const all = await closings(conversations)
  for (const closing of all) expect(closing).toMatchObject(restart)
  await expectClosed(service, 1_100)
  const moments = all.map(({ at }) => at)
  expect(Math.max(...moments) - Math.min(...moments)).toBeGreaterThan(500)
  expect(await service.exitOf(service.pid)).toMatchObject({ code: 0 })
})

test('a single WebSocket does not delay a shutdown', async () => {
  const service = await startService('ws.mjs', moving({ spreadMs: 60_000 }))
  const [conversation] = await openConversations(service.target, 1)
  service.signal('SIGTERM')
  expect(await conversation?.closed()).toMatchObject(restart)
  expect(await service.exitOf(service.pid, 10_000)).toMatchObject({ code: 0 })
})

test('a second signal closes all WebSockets at once with 1012', async () => {
  const service = await startService('ws.mjs', moving({ spreadMs: 60_000 }, { drainTimeoutMs: 60_000 }))
  const conversations = await openConversations(service.target, 1_500)
  service.signal('SIGTERM')
  await service.line(/generation 1 is draining \(shutdown\)/)
  service.signal('SIGTERM', service.pid)
  for (const closing of await closings(conversations)) expect(closing).toMatchObject(restart)
  await service.exitOf(service.pid, 10_000)
})

test('the predecessor closes a WebSocket with an unfinished message with 1012 before the limit', async () => {
  const service = await startService('ws.mjs', moving({}, { drainTimeoutMs: 1_500 }))
  const [conversation] = (await openConversations(service.target, 1)) as [Conversation]
  conversation.websocket.send('wh', { fin: false })
  await service.reload()
  expect(await conversation.closed()).toMatchObject(restart)
  await expectClosed(service, 1)
})

test('a WebSocket that opens while the predecessor drains moves, too', async () => {
  const service = await startService('ws.mjs', moving({ noServer: 'late' }))
  const opening = Conversation.open(service.target)
  await service.event('upgrading')
  await service.reload()
  const conversation = await opening
  await finalReports(service, 1)
  expect(await conversation.who()).toBe(2)
  conversation.close()
})
