// WebSockets with permessage-deflate without context takeover. test/ws/ending.test.ts has those that cannot move.
import { once } from 'node:events'
import http from 'node:http'
import type net from 'node:net'
import type { TcpTarget } from '@handover/load'
import { describe, expect, test } from 'vitest'
import { type Frame, tapFrames } from '../support/frame-tap.js'
import { finalReports } from '../support/reports.js'
import { startService } from '../support/service.js'
import { until } from '../support/until.js'
import {
  type Conversation,
  expectIntact,
  moving,
  openConversations,
  withoutContext,
} from '../support/websockets.js'

const agreed = 'permessage-deflate; server_no_context_takeover; client_no_context_takeover'
const untouched = { closed: 0, lost: 0, cut: [] }
/** Compresses some of the numbered messages: most are shorter, and some fragments are. */
const compressed = { perMessageDeflate: { ...withoutContext, threshold: 40 } }
/** Compresses every message, and one at a time in each process: messages wait for each other. */
const always = { perMessageDeflate: { ...withoutContext, threshold: 0, concurrencyLimit: 1 } }

const isMessage = ({ opcode }: Frame) => opcode === 1 || opcode === 2
const kindsOf = (frames: readonly Frame[]) =>
  new Set(
    frames
      .filter(isMessage)
      .map(
        ({ opcode, compressed: rsv1, fin }) =>
          `${rsv1 ? 'compressed' : 'plain'} ${opcode === 1 ? 'text' : 'binary'}${fin ? '' : ' fragment'}`,
      ),
  )
const allKinds = new Set(
  ['compressed', 'plain'].flatMap((how) =>
    ['text', 'binary'].flatMap((type) => [`${how} ${type}`, `${how} ${type} fragment`]),
  ),
)

test('C43: compressed WebSockets stay open through five reloads under load, and both sides keep compressing', async () => {
  const service = await startService('ws.mjs', moving({ everyMs: 20, ws: compressed }))
  const tap = await tapFrames(service.target as TcpTarget)
  const options = { perMessageDeflate: { threshold: 40 } }
  const conversations = [
    ...(await openConversations(tap.target, 10, options)),
    ...(await openConversations(service.target, 30, options)),
  ]
  for (const conversation of conversations) conversation.talk(20)
  for (let generation = 2; generation <= 6; generation++) {
    await service.reload()
    const allServed = () => conversations.every(({ heardFrom }) => heardFrom === `generation-${generation}`)
    await until(`generation ${generation} serves all WebSockets`, allServed, 60_000)
    tap.fromClients.length = 0
    tap.fromService.length = 0
  }
  const isEveryKind = () => [tap.fromClients, tap.fromService].every((each) => kindsOf(each).size === 8)
  await until('each kind of message has passed in both directions', isEveryKind, 60_000)
  expect(kindsOf(tap.fromClients)).toEqual(allKinds)
  expect(kindsOf(tap.fromService)).toEqual(allKinds)
  await expectIntact(service, conversations)
  for (const { drain } of await finalReports(service, 5)) {
    expect(drain).toMatchObject({ ...untouched, moved: 40 })
  }
})

test('C43: WebSockets whose messages are all compressed, one at a time, continue through six reloads in a row', async () => {
  const service = await startService('ws.mjs', moving({ everyMs: 50, ws: always }, { probationMs: 0 }))
  const conversations = await openConversations(service.target, 10, { perMessageDeflate: { threshold: 0 } })
  for (const conversation of conversations) conversation.talk(50)
  for (let i = 0; i < 6; i++) await service.reload()
  await finalReports(service, 6)
  await expectIntact(service, conversations)
})

test('C43: messages that the predecessor sends during and after a move arrive compressed, once and in order', async () => {
  const service = await startService('ws.mjs', moving({ late: true, everyMs: 50, ws: always }))
  const tap = await tapFrames(service.target as TcpTarget)
  const conversations = await openConversations(tap.target, 10)
  const [keeper] = (await openConversations(service.target, 1)) as [Conversation]
  // An unfinished compressed message keeps the predecessor alive until the other clients have received everything.
  keeper.websocket.send('w'.repeat(2_000), { fin: false })
  await service.reload()
  for (const conversation of conversations) await conversation.word((said) => said === 'late 1 7')
  expect(tap.fromService.filter(isMessage).filter((frame) => !frame.compressed)).toEqual([])
  expect(new Set(await Promise.all(conversations.map((each) => each.who())))).toEqual(new Set([2]))
  await expectIntact(service, conversations)
  keeper.close()
})

test('C43: a WebSocket with an unfinished compressed message moves when the message is complete', async () => {
  const service = await startService('ws.mjs', moving({ ws: compressed }))
  const [conversation] = await openConversations(service.target, 1, { perMessageDeflate: { threshold: 0 } })
  if (!conversation) throw new Error('no conversation')
  conversation.websocket.send('wh', { fin: false })
  await service.reload()
  await service.line(/draining: 1 connection open/)
  conversation.websocket.send('o', { fin: true })
  expect(await conversation.word((said) => said.startsWith('who 1'))).toContain(String(service.pid))
  await finalReports(service, 1)
  expect(await conversation.who()).toBe(2)
  await expectIntact(service, [conversation])
})

test.each([
  ['the windows that the server asks for', { serverMaxWindowBits: 10, clientMaxWindowBits: 11 }, {}],
  ['the windows that the client asks for', {}, { serverMaxWindowBits: 9, clientMaxWindowBits: 10 }],
  ['the default windows', {}, {}],
])('C43: a release with other windows keeps %s', async (_, server, client) => {
  const later = { ...always.perMessageDeflate, serverMaxWindowBits: 15, clientMaxWindowBits: 9 }
  const ws = { perMessageDeflate: { ...always.perMessageDeflate, ...server } }
  const service = await startService(
    'ws.mjs',
    moving({ ws, later: { perMessageDeflate: later }, everyMs: 5 }),
  )
  const conversations = await openConversations(service.target, 2, {
    perMessageDeflate: { threshold: 0, ...client },
  })
  for (const conversation of conversations) conversation.talk(5)
  for (const generation of [2, 3]) {
    await service.reload()
    const [report] = (await finalReports(service, generation - 1)).slice(-1)
    expect(report?.drain).toMatchObject({ ...untouched, moved: 2 })
  }
  await expectIntact(service, conversations)
})

test.each([
  ['Chromium', 'permessage-deflate; client_max_window_bits', agreed],
  ['Firefox', 'permessage-deflate', agreed],
  [
    'a client with a small window',
    'permessage-deflate; server_max_window_bits=9; client_max_window_bits=10, permessage-deflate',
    'permessage-deflate; server_max_window_bits=9; client_max_window_bits=10; server_no_context_takeover; client_no_context_takeover',
  ],
])('C43: the handshake of %s agrees on a compression that can move', async (_, offer, accepted) => {
  const service = await startService('ws.mjs', moving({ ws: { perMessageDeflate: withoutContext } }))
  const headers = {
    connection: 'Upgrade',
    upgrade: 'websocket',
    'sec-websocket-key': Buffer.alloc(16, 7).toString('base64'),
    'sec-websocket-version': '13',
    'sec-websocket-extensions': offer,
  }
  const request = http.get({ host: '127.0.0.1', port: (service.target as TcpTarget).port, headers })
  const [response, socket] = (await once(request, 'upgrade')) as [http.IncomingMessage, net.Socket]
  expect(response.headers['sec-websocket-extensions']).toBe(accepted)
  await service.reload()
  const [report] = await finalReports(service, 1)
  expect(report?.drain).toMatchObject({ ...untouched, moved: 1 })
  // An unmasked frame is an error. The successor answers with a close frame: no second handshake precedes it.
  socket.write(Buffer.from([0x81, 0]))
  expect(Buffer.concat(await socket.toArray())).toEqual(Buffer.from([0x88, 2, 1002 >> 8, 1002 & 0xff]))
  socket.destroy()
})

describe('the oldest ws whose WebSockets move', () => {
  test.each([
    ['plain', {}],
    ['compressed', always],
  ])('C43: %s WebSockets continue through two reloads under load', async (_, ws) => {
    const service = await startService('ws.mjs', moving({ library: 'ws-8-3', everyMs: 20, ws }))
    const conversations = await openConversations(service.target, 10, { perMessageDeflate: { threshold: 0 } })
    for (const conversation of conversations) conversation.talk(20)
    for (const generation of [2, 3]) {
      await service.reload()
      const [report] = (await finalReports(service, generation - 1)).slice(-1)
      expect(report?.drain).toMatchObject({ ...untouched, moved: 10 })
    }
    await expectIntact(service, conversations)
  })
})
