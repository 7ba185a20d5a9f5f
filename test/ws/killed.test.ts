import { expect, test } from 'vitest'
import { isHandedOver, isReady } from '../support/generations.js'
import { finalReports } from '../support/reports.js'
import { type Service, startService } from '../support/service.js'
import { until } from '../support/until.js'
import { Conversation, moving, openConversations } from '../support/websockets.js'

const count = 500

/** WebSockets that talk, at the moment when they have begun to move. */
async function whileMoving() {
  const options = moving({ everyMs: 500, spreadMs: 1_000 }, { drainTimeoutMs: 20_000 })
  const service = await startService('ws.mjs', { ...options, leftOvers: 'allowed' })
  const conversations = await openConversations(service.target, count)
  for (const conversation of conversations) conversation.talk(500)
  service.signal('SIGHUP')
  const { pid: successor } = await service.event((fact) => isReady(fact) && fact.generation === 2)
  await service.event(isHandedOver)
  return { service, conversations, successor }
}

/** What every client heard was in order, whatever became of it. */
function expectInOrder(conversations: readonly Conversation[]): void {
  const faults = conversations.flatMap((conversation) => conversation.faults)
  expect(faults.filter((fault) => !fault.includes('ECONNRESET'))).toEqual([])
}

const closed = (conversations: readonly Conversation[], code: number) =>
  conversations.filter(({ closing }) => closing?.code === code).length

test('C43: the successor is killed while 500 WebSockets move: those that it has not got are closed with 1012, none hangs', async () => {
  const { service, conversations, successor } = await whileMoving()
  service.signal('SIGKILL', successor)
  await Promise.all(conversations.map((conversation) => conversation.closed()))
  const [report] = await finalReports(service, 1)
  const { moved, lost, cut, ms } = report?.drain ?? { moved: NaN, lost: NaN, cut: [], ms: NaN }
  expect(cut).toEqual([])
  expect(ms).toBeLessThan(15_000)
  expect(closed(conversations, 1006)).toBe(moved + lost)
  expect(closed(conversations, 1012)).toBe(count - moved - lost)
  expectInOrder(conversations)
  await service.exitOf(service.pid)
})

test('C43: the predecessor is killed while 500 WebSockets move: those that the successor has got go on, none hangs', async () => {
  const { service, conversations, successor } = await whileMoving()
  service.signal('SIGKILL', service.pid)
  await service.exitOf(service.pid)
  const served = ({ heardFrom, closing }: Conversation) =>
    heardFrom === 'generation-2' || closing !== undefined
  await until('each is served by the successor, or knows that it is not', () => conversations.every(served))
  expectInOrder(conversations)
  await expectServes(service, successor)
  for (const conversation of conversations) conversation.close()
})

async function expectServes(service: Service, pid: number): Promise<void> {
  const fresh = await Conversation.open(service.target)
  expect(await fresh.ask('who')).toEqual(['2', String(pid), '/', expect.any(String)])
  fresh.close()
}
