// A short version of reload-load.test.ts.
import { expect, test } from 'vitest'
import { finalReports } from '../support/reports.js'
import { expectIntact, inRooms, openMembers, startTalking, upTo } from '../support/room-clients.js'
import { startService } from '../support/service.js'
import { until } from '../support/until.js'

const everyMs = 100

test('30 busy Socket.IO clients in rooms of three namespaces notice nothing of three reloads', async () => {
  const rooms = ['room-0', 'room-1']
  const options = inRooms({ everyMs, newsMs: 50, rooms, lastNews: 20, late: true, middlewareMs: 30 })
  const service = await startService('socket-io-rooms.mjs', options)
  const members = await openMembers(service, 30)
  await startTalking(members, everyMs)
  for (let generation = 2; generation <= 4; generation++) {
    await service.reload()
    await until('the successor serves all clients', () =>
      members.every(({ heardFrom }) => heardFrom === generation),
    )
  }
  const reports = await finalReports(service, 3)
  for (const { drain } of reports) expect(drain).toMatchObject({ moved: 30, closed: 0, lost: 0, cut: [] })
  await expectIntact(service, members, { generations: upTo(4) })
})
