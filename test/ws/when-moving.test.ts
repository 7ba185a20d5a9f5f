// The options canMove and moved.
import { expect, test } from 'vitest'
import { finalReports } from '../support/reports.js'
import { type Fact, type Service, startService } from '../support/service.js'
import { until } from '../support/until.js'
import { Conversation, expectIntact, moving } from '../support/websockets.js'

const start = (graceful: object = {}) =>
  startService('ws.mjs', moving({ canMove: true, everyMs: 20 }, graceful))

async function open(service: Service, path: string): Promise<Conversation> {
  const conversation = await Conversation.open(service.target, path)
  conversation.talk(20)
  return conversation
}

const moves = (service: Service): Fact[] => service.facts.filter(({ event }) => event === 'websocket-moved')

const servedBy = (conversation: Conversation, generation: number) =>
  until(
    `generation ${generation} serves the WebSocket`,
    async () => (await conversation.who()) === generation,
  )

test('a WebSocket stays in the predecessor until canMove returns true', async () => {
  const service = await start()
  const staying = await open(service, '/staying')
  const other = await open(service, '/other')
  await staying.ask('stay')
  await service.reload()
  await servedBy(other, 2)
  expect(await staying.who()).toBe(1)
  await service.event('websocket-moved')
  expect(moves(service)).toMatchObject([{ generation: 1, url: '/other' }])
  await staying.ask('go')
  await servedBy(staying, 2)
  await finalReports(service, 1)
  expect(moves(service)).toMatchObject([
    { generation: 1, url: '/other' },
    { generation: 1, url: '/staying' },
  ])
  await expectIntact(service, [staying, other])
})

test('each predecessor calls moved once for each WebSocket that has moved', async () => {
  const service = await start()
  const conversations = [await open(service, '/1'), await open(service, '/2')]
  for (const generation of [2, 3]) {
    await service.reload()
    for (const conversation of conversations) await servedBy(conversation, generation)
  }
  await finalReports(service, 2)
  const each = moves(service).map(({ generation, url }) => `${generation} ${url}`)
  expect(each.toSorted()).toEqual(['1 /1', '1 /2', '2 /1', '2 /2'])
  await expectIntact(service, conversations)
})

test('a WebSocket closes with 1012 without a call of moved if canMove returns false until the limit', async () => {
  const service = await start({ drainTimeoutMs: 1_500 })
  const staying = await open(service, '/staying')
  await staying.ask('stay')
  await service.reload()
  expect(await staying.closed()).toMatchObject({ code: 1012 })
  expect(staying.faults).toEqual([])
  const [report] = await finalReports(service, 1)
  expect(report?.drain).toMatchObject({ moved: 0, lost: 0, cut: [], timedOut: false })
  expect(moves(service)).toEqual([])
})

test('if canMove throws, the WebSocket closes with 1012 and the log has the error', async () => {
  const service = await startService('ws.mjs', moving({ throws: 'canMove', everyMs: 20 }))
  const conversation = await open(service, '/')
  await service.reload()
  expect(await conversation.closed()).toMatchObject({ code: 1012 })
  await finalReports(service, 1)
  await service.line(/cannot move a connection \(ws:1\): Error: a mistake of the program/)
})

test('if moved throws, the WebSocket continues in the successor and the log has the error', async () => {
  const service = await startService('ws.mjs', moving({ throws: 'moved', everyMs: 20 }))
  const conversation = await open(service, '/')
  await service.reload()
  await servedBy(conversation, 2)
  await finalReports(service, 1)
  await service.line(/a WebSocket has moved, but moved\(\) failed: Error: a mistake of the program/)
  await expectIntact(service, [conversation])
})
