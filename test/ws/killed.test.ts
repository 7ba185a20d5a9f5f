import { once } from 'node:events'
import type { ReloadReport } from '@handover/core'
import { expect, onTestFinished, test } from 'vitest'
import { isHandedOver, isReady } from '../support/generations.js'
import { type Service, startService } from '../support/service.js'
import { until } from '../support/until.js'
import { Conversation, moving, openConversations } from '../support/websockets.js'

const count = 500

/** Opens busy WebSockets and resolves when they begin to move. The predecessor lives until one more is complete. */
async function whileMoving() {
  const options = moving({ everyMs: 500, spreadMs: 1_000 }, { drainTimeoutMs: 20_000 })
  const service = await startService('ws.mjs', { ...options, leftOvers: 'allowed' })
  const conversations = await openConversations(service.target, count)
  for (const conversation of conversations) conversation.talk(500)
  const keeper = await Conversation.open(service.target)
  onTestFinished(() => keeper.close())
  keeper.websocket.send('wh', { fin: false })
  // The response shows that the server has received the fragment before.
  keeper.websocket.ping()
  await once(keeper.websocket, 'pong')
  service.signal('SIGHUP')
  const { pid: successor } = await service.event((fact) => isReady(fact) && fact.generation === 2)
  await service.event(isHandedOver)
  return { service, conversations, successor }
}

/** Expects that every client received its messages in order, even if its connection closed. */
function expectInOrder(conversations: readonly Conversation[]): void {
  const faults = conversations.flatMap((conversation) => conversation.faults)
  expect(faults.filter((fault) => !/ECONNRESET|EPIPE/.test(fault))).toEqual([])
}

const closed = (conversations: readonly Conversation[], code: number) =>
  conversations.filter(({ closing }) => closing?.code === code).length

test('C43: when the successor is killed while 500 WebSockets move, the others continue in the predecessor', async () => {
  const { service, conversations, successor } = await whileMoving()
  service.signal('SIGKILL', successor)
  const { report } = await service.event(({ code }) => code === 'ERR_HANDOVER_SUCCESSOR_LOST')
  const { lost = Number.NaN } = (report as unknown as ReloadReport).failure ?? {}
  await until('the WebSockets of the successor are closed', () => closed(conversations, 1006) === lost)
  const rest = conversations.filter(({ closing }) => closing === undefined)
  expect(rest).toHaveLength(count - lost)
  expectInOrder(conversations)
  await expectServes(service, service.pid, 1)
  for (const conversation of rest) conversation.close()
})

test('C43: when the predecessor is killed while 500 WebSockets move, those in the successor continue and none hangs', async () => {
  const { service, conversations, successor } = await whileMoving()
  service.signal('SIGKILL', service.pid)
  await service.exitOf(service.pid)
  const served = ({ heardFrom, closing }: Conversation) =>
    heardFrom === 'generation-2' || closing !== undefined
  await until('each WebSocket is served by the successor or closed', () => conversations.every(served))
  expectInOrder(conversations)
  await expectServes(service, successor, 2)
  for (const conversation of conversations) conversation.close()
})

async function expectServes(service: Service, pid: number, generation: number): Promise<void> {
  const fresh = await Conversation.open(service.target)
  expect(await fresh.ask('who')).toEqual([String(generation), String(pid), '/', expect.any(String)])
  fresh.close()
}
