// More than two generations that have Socket.IO clients or broadcast to them.
import http from 'node:http'
import type { TcpTarget } from '@handover/load'
import { expect, onTestFinished, test } from 'vitest'
import { finalReports } from '../support/reports.js'
import { expectIntact, inRooms, openMembers, startTalking, upTo } from '../support/room-clients.js'
import { type Service, startService } from '../support/service.js'
import { until } from '../support/until.js'

const everyMs = 100
/** How long a late acknowledgement may take. */
const answerMs = 60_000

test('while three generations run, each broadcast arrives once, and late acknowledgements pass through two of them', async () => {
  const options = inRooms({ everyMs, newsMs: 300, lastNews: 1, late: true }, { ackTimeoutMs: 100 })
  const service = await startService('socket-io-rooms.mjs', options)
  const members = await openMembers(service, 10)
  const release = await hold(service)
  await startTalking(members, everyMs)
  const answers = Promise.all(members.map(({ socket }) => socket.timeout(answerMs).emitWithAck('ask')))
  await until('the server has asked all clients', () =>
    members.every(({ questions }) => questions.length === 1),
  )
  const [, second, third] = [service.serving, await reloaded(), await reloaded()]
  const pids = [service.pid, second, third]
  expect(service.processes().sort()).toEqual([...pids].sort())
  const before = members.map((member) => pids.map((pid) => member.newsFrom(pid)))
  await until('each client gets more broadcasts of all three generations', () =>
    members.every((member, n) => pids.every((pid, i) => member.newsFrom(pid) > (before[n]?.[i] ?? 0))),
  )
  for (const { name, questions } of members) for (const answer of questions) answer(name)
  expect(await answers).toEqual(members.map(({ name }) => `generation 1 heard ${name}`))
  release()
  await finalReports(service, 2)
  await expectIntact(service, members, { generations: upTo(3) })

  async function reloaded(): Promise<number> {
    const { to } = await service.reload()
    await until('it serves all clients', () => members.every(({ heardFrom }) => heardFrom === to.generation))
    return to.pid
  }
})

test('busy Socket.IO clients notice nothing of six reloads in a row', async () => {
  const options = inRooms({ everyMs, newsMs: 300, lastNews: 1, late: true }, { probationMs: 0 })
  const service = await startService('socket-io-rooms.mjs', options)
  const members = await openMembers(service, 20)
  await startTalking(members, everyMs)
  for (let n = 0; n < 6; n++) await service.reload()
  await finalReports(service, 6)
  await expectIntact(service, members, { generations: upTo(7) })
})

test('clients get their pings on time through reloads that are more frequent', async () => {
  const io = { pingInterval: 2_000, pingTimeout: 20_000 }
  const service = await startService('socket-io-rooms.mjs', inRooms({ io }))
  const members = await openMembers(service, 5)
  await startTalking(members)
  const start = performance.now()
  let reloads = 0
  for (; members.some(({ pings }) => pings < 2); reloads++) {
    expect(performance.now() - start).toBeLessThan(io.pingTimeout)
    await service.reload()
  }
  await finalReports(service, reloads)
  await expectIntact(service, members, { generations: [] })
})

/** Sends a request that keeps the serving generation alive. Returns a function that ends it. */
async function hold(service: Service): Promise<() => void> {
  const { port } = service.target as TcpTarget
  const request = http.get({ port, host: '127.0.0.1', path: '/hold', agent: false })
  request.on('error', () => {})
  onTestFinished(() => void request.destroy())
  await new Promise((resolve) => request.once('response', resolve))
  return () => void request.destroy()
}
