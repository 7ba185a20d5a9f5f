// 600 sockets of 200 clients: each sends and receives 2 numbered events a second. With the broadcasts and shouts in
// rooms, about 4,000 events a second arrive. Two slow cores carry that.
import { expect, test } from 'vitest'
import { finalReports } from '../support/reports.js'
import { expectIntact, inRooms, openMembers, startTalking, upTo } from '../support/room-clients.js'
import { startService } from '../support/service.js'
import { rollWorkers, startRun } from '../support/supervised.js'
import { until } from '../support/until.js'

const clients = 200
const reloads = 10
const everyMs = 500
const busy = inRooms({ everyMs, newsMs: 2_000, lastNews: 1, late: true })
const untouched = { closed: 0, lost: 0, cut: [] }

test('200 busy Socket.IO clients in 20 rooms of three namespaces notice nothing of ten reloads', {
  timeout: 600_000,
}, async () => {
  const service = await startService('socket-io-rooms.mjs', busy)
  const members = await openMembers(service, clients)
  await startTalking(members, everyMs)
  for (let generation = 2; generation <= 1 + reloads; generation++) {
    await service.reload()
    const allServed = () => members.every(({ heardFrom }) => heardFrom === generation)
    await until(`generation ${generation} serves all clients`, allServed, 60_000)
  }
  const reports = await finalReports(service, reloads)
  for (const { drain } of reports) expect(drain).toMatchObject({ ...untouched, moved: clients })
  await expectIntact(service, members, { generations: upTo(1 + reloads) })
})

test('200 busy Socket.IO clients notice nothing of ten reloads of two workers', {
  timeout: 600_000,
}, async () => {
  const service = await startRun('socket-io-rooms.mjs', { ...busy, run: ['--workers', '2'] })
  const members = await openMembers(service, clients)
  await startTalking(members, everyMs)
  for (let generation = 2; generation <= 1 + reloads; generation++) {
    await rollWorkers(service, 2)
    const allServed = () => members.every(({ heardFrom }) => heardFrom === generation)
    await until(`generation ${generation} of each worker serves all clients`, allServed, 60_000)
  }
  const reports = await finalReports(service, 2 * reloads)
  for (const { drain } of reports) expect(drain).toMatchObject(untouched)
  expect(reports.reduce((sum, { drain }) => sum + drain.moved, 0)).toBe(clients * reloads)
  await expectIntact(service, members, { generations: upTo(1 + reloads) })
})

test('1,000 idle Socket.IO clients are kept through three reloads', { timeout: 300_000 }, async () => {
  const service = await startService('socket-io-rooms.mjs', inRooms())
  const members = await openMembers(service, 1_000, ['/'])
  await startTalking(members)
  for (let generation = 1; generation <= 3; generation++) {
    await service.reload()
    const { drain } = (await finalReports(service, generation)).at(-1) as { drain: object }
    expect(drain).toMatchObject({ ...untouched, moved: 1_000 })
  }
  await expectIntact(service, members, { generations: [] })
})
