// Processes that are killed, stopped or bad while Socket.IO clients talk and move.
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import type { ReloadReport } from '@handover/core'
import { expect, test } from 'vitest'
import { isReady } from '../support/generations.js'
import { finalReports } from '../support/reports.js'
import {
  expectIntact,
  expectNoFaults,
  inRooms,
  openMembers,
  type RoomsConfig,
  startTalking,
} from '../support/room-clients.js'
import type { RoomMember } from '../support/room-member.js'
import { type Service, startService } from '../support/service.js'
import { tempDir } from '../support/temp-dir.js'
import { until } from '../support/until.js'

const everyMs = 200
/** The sockets of one client. */
const socketsEach = 3

/** A successor on probation has no dynamic namespace yet. */
const fixed = ['/', '/chat']

/** Starts a service with busy clients. */
async function busy(
  graceful: object,
  { count = 40, namespaces, ...config }: RoomsConfig & { count?: number; namespaces?: string[] } = {},
) {
  const limits = { drainTimeoutMs: 30_000, ackTimeoutMs: 60_000 }
  const options = inRooms({ everyMs, newsMs: 400, ...config }, { ...limits, ...graceful })
  const service = await startService('socket-io-rooms.mjs', { ...options, leftOvers: 'allowed' })
  const members = await openMembers(service, count, namespaces)
  await startTalking(members, everyMs)
  return { service, members }
}

/** Keeps one client in the serving generation until the returned function is called, so that the move takes as long. */
async function hold([member]: readonly RoomMember[]): Promise<() => void> {
  const { socket, questions, name } = member as RoomMember
  socket.emit('ask', () => {})
  await until('the server has asked the client', () => questions.length === 1)
  return () => questions[0]?.(name)
}

/** The pid of the next generation, when it is ready. */
async function nextReady(service: Service, generation: number): Promise<number> {
  return (await service.event((fact) => isReady(fact) && fact.generation === generation)).pid
}

const heardNewsOf = (members: readonly RoomMember[], generation: number) =>
  until(`broadcasts of generation ${generation} arrive`, () =>
    members.every(({ senders }) => senders.includes(generation)),
  )

test('clients notice nothing when the successor is killed on probation, after its broadcasts have arrived', async () => {
  const { service, members } = await busy({ probationMs: 30_000 }, { namespaces: fixed })
  service.signal('SIGHUP')
  const successor = await nextReady(service, 2)
  await heardNewsOf(members, 2)
  service.signal('SIGKILL', successor)
  await service.event('reload-failed')
  await expectServes(members, 1)
  await expectIntact(service, members, { generations: [1, 2] })
})

test('clients notice nothing when a bad release exits on probation, and the next release takes over', async () => {
  const release = join(tempDir(), 'release')
  const { service, members } = await busy({ probationMs: 10_000 }, { namespaces: fixed, release })
  const dieWhen = join(tempDir(), 'die')
  writeFileSync(release, JSON.stringify({ dieWhen }))
  service.signal('SIGHUP')
  await heardNewsOf(members, 2)
  writeFileSync(dieWhen, '')
  await service.event('reload-failed')
  await expectServes(members, 1)
  writeFileSync(release, '{}')
  await service.reload()
  await finalReports(service, 1)
  await expectServes(members, 2)
  // Two processes have been generation 2.
  await expectIntact(service, members, { generations: [1, 2, 2] })
})

test('when the successor is killed while clients move, the others continue in the predecessor', async () => {
  const { service, members } = await busy({ probationMs: 0 }, { count: 200 })
  const release = await hold(members)
  service.signal('SIGHUP')
  const successor = await nextReady(service, 2)
  await service.event('moved')
  service.signal('SIGKILL', successor)
  const { report } = await service.event(({ code }) => code === 'ERR_HANDOVER_SUCCESSOR_LOST')
  const { lost = Number.NaN } = (report as unknown as ReloadReport).failure ?? {}
  await until('the clients of the successor are disconnected', () => left(members) === lost * socketsEach)
  expect(lost).toBeGreaterThan(0)
  await expectServes(stayed(members), 1)
  release()
  await service.reload()
  await finalReports(service, 1)
  await concludeRest(service, members)
})

test('when the predecessor is killed while clients move, those in the successor continue and none hangs', async () => {
  const { service, members } = await busy({ probationMs: 0 }, { count: 200 })
  await hold(members)
  service.signal('SIGHUP')
  await nextReady(service, 2)
  await service.event('moved')
  service.signal('SIGKILL', service.pid)
  await service.exitOf(service.pid)
  await until('each client is served by the successor or disconnected', () =>
    members.every(({ heardFrom, disconnects }) => heardFrom === 2 || disconnects.length > 0),
  )
  await concludeRest(service, members)
})

test.each(['predecessor', 'successor'])(
  'clients notice nothing when the %s stops for a second during the move',
  async (which) => {
    const { service, members } = await busy({ probationMs: 0 }, { lastNews: 1, late: true })
    const release = await hold(members)
    service.signal('SIGHUP')
    const successor = await nextReady(service, 2)
    await service.event('moved')
    const stopped = which === 'successor' ? successor : service.pid
    service.signal('SIGSTOP', stopped)
    await pause(1_000)
    service.signal('SIGCONT', stopped)
    release()
    await finalReports(service, 1)
    await expectServes(members, 2)
    await expectIntact(service, members, { generations: [1, 2] })
  },
)

const stayed = (members: readonly RoomMember[]) =>
  members.filter(({ disconnects }) => disconnects.length === 0)

const left = (members: readonly RoomMember[]) => members.length - stayed(members).length

/** Expects that the clients which are still connected have noticed nothing. */
async function concludeRest(service: Service, members: readonly RoomMember[]): Promise<void> {
  const rest = stayed(members)
  expect(rest.length).toBeGreaterThan(0)
  await Promise.all(rest.map((member) => member.conclude()))
  expectNoFaults(service, members)
  expect(stayed(members)).toHaveLength(rest.length)
}

/** Waits until this generation has acknowledged another number of each member. */
async function expectServes(members: readonly RoomMember[], generation: number): Promise<void> {
  for (const member of members) member.heardFrom = 0
  await until(`generation ${generation} serves all clients`, () =>
    members.every(({ heardFrom }) => heardFrom === generation),
  )
}
