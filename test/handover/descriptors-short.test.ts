// C72: a process that is short of file descriptors loses no connection and reports how many it could not take.
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { RawConnection } from '@handover/load'
import { expect, test } from 'vitest'
import { isHandedOver, isReady } from '../support/generations.js'
import { allowDescriptors, stopped } from '../support/processes.js'
import { release, startRelease, stopsWhenReady } from '../support/release.js'
import { finalReports } from '../support/reports.js'
import { askOn, openConnections } from '../support/resting.js'
import { type Service, startService } from '../support/service.js'
import { startRun } from '../support/supervised.js'
import { tempDir } from '../support/temp-dir.js'
import { moving, openConversations } from '../support/websockets.js'
import { whoServes } from '../support/who.js'

const limit = 160
const count = 60

/** Resting connections stay open, however long a reload takes. */
const server = { keepAliveTimeout: 60_000 }

/** A file that makes the next generation stop before its predecessor knows that it is ready. */
function stopsSuccessor() {
  const path = join(tempDir(), 'release')
  return { release: path, arm: () => writeFileSync(path, JSON.stringify({ stopWhenReady: true })) }
}

/** Resolves with the pid of the successor when it has stopped. */
async function stoppedSuccessor(service: Service): Promise<number> {
  const { pid } = await service.event((fact) => isReady(fact) && fact.generation === 2)
  await stopped(pid)
  return pid
}

/** When ready, opens descriptors until only `free` are left. Closes them when the file `config.room` exists. */
const hog = (free: number) => `
  const { existsSync, openSync, closeSync } = await import('node:fs')
  const hogged = []
  handle.on('state', ({ state }) => {
    if (state !== 'ready' || hogged.length > 0) return
    for (;;) try { hogged.push(openSync('/dev/null', 'r')) } catch { break }
    for (let i = 0; i < ${free}; i++) closeSync(hogged.pop())
    const timer = setInterval(() => {
      if (!existsSync(config.room)) return
      clearInterval(timer)
      for (const fd of hogged.splice(0)) closeSync(fd)
    }, 5)
  })`

/** A service with resting connections whose successor is short of descriptors. */
async function withShortSuccessor(free: number, graceful: object = {}) {
  const room = join(tempDir(), 'room')
  const { service, deploy } = await startRelease({
    config: { graceful: { probationMs: 50, ...graceful }, room, server },
    shell: `ulimit -n ${limit};`,
    leftOvers: 'allowed',
  })
  deploy(release({ beforeListen: hog(free) }))
  const connections = await openConnections(service.target, count)
  for (const connection of connections) expect(await askOn(connection)).toBe(1)
  await service.reload()
  return { service, connections, makeRoom: () => writeFileSync(room, '') }
}

/** Sends one request on each connection. Resolves with the number of responses from generation 2. */
async function servedByNext(connections: readonly RawConnection[]): Promise<number> {
  const answers = await Promise.all(connections.map((connection) => askOn(connection)))
  return answers.filter((generation) => generation === 2).length
}

test.each([
  ['no descriptor is free', 3],
  ['a few are free', 12],
])(
  'C72: a successor takes what it can, and its predecessor serves the others and moves them later (%s)',
  async (_, free) => {
    const { service, connections, makeRoom } = await withShortSuccessor(free)
    await service.line(/successor \d+ is short of file descriptors and takes no more connections for now/)
    for (let round = 0; round < 3; round++) {
      expect(await servedByNext(connections)).toBeLessThanOrEqual(free)
    }
    makeRoom()
    const [report] = await finalReports(service, 1)
    expect(report?.drain).toMatchObject({
      open: count,
      moved: count,
      lost: 0,
      closed: 0,
      refused: 0,
      timedOut: false,
    })
    expect(await servedByNext(connections)).toBe(count)
    for (const connection of connections) connection.close()
  },
)

test('C72: if the successor stays short, the predecessor serves until its limit and reports the refused connections', async () => {
  const { service, connections } = await withShortSuccessor(3, { drainTimeoutMs: 4_000 })
  const [report] = await finalReports(service, 1)
  const { moved = NaN, closed = NaN, refused } = report?.drain ?? {}
  expect(report?.drain).toMatchObject({ open: count, lost: 0, cut: [] })
  expect(moved).toBeLessThanOrEqual(3)
  expect([moved + closed, refused]).toEqual([count, count - moved])
  for (const connection of connections) connection.close()
})

test('C72: WebSockets stay open while the successor is short of descriptors and move later', async () => {
  const { release, arm } = stopsSuccessor()
  const service = await startService('ws.mjs', moving({ everyMs: 20, release }))
  const conversations = await openConversations(service.target, 40)
  for (const conversation of conversations) conversation.talk(20)
  arm()
  service.signal('SIGHUP')
  const successor = await stoppedSuccessor(service)
  allowDescriptors(successor, 5)
  service.signal('SIGCONT', successor)
  await service.line(/is short of file descriptors/)
  allowDescriptors(successor)
  const [report] = await finalReports(service, 1)
  expect(report?.drain).toMatchObject({ moved: 40, lost: 0, closed: 0, cut: [], refused: 0 })
  await Promise.all(conversations.map((conversation) => conversation.conclude()))
  expect(conversations.flatMap(({ faults }) => faults)).toEqual([])
  expect(conversations.filter(({ closing }) => closing)).toEqual([])
  for (const conversation of conversations) conversation.close()
})

test('C72: a supervisor that is short of descriptors loses no connection in transit', async () => {
  const { release, arm } = stopsSuccessor()
  const service = await startRun('http.mjs', { config: { graceful: { probationMs: 50 }, release, server } })
  const connections = await openConnections(service.target, count)
  for (const connection of connections) expect(await askOn(connection)).toBe(1)
  arm()
  service.signal('SIGHUP', service.pid)
  const successor = await stoppedSuccessor(service)
  allowDescriptors(service.pid, 0)
  service.signal('SIGCONT', successor)
  await service.event(isHandedOver)
  await service.line(/is short of file descriptors/)
  expect(await servedByNext(connections)).toBe(0)
  allowDescriptors(service.pid)
  const [report] = await finalReports(service, 1)
  expect(report?.drain).toMatchObject({ open: count, moved: count, lost: 0, closed: 0, refused: 0 })
  expect(await servedByNext(connections)).toBe(count)
  for (const connection of connections) connection.close()
})

test('C72: a generation without free descriptors rejects a reload and keeps serving; one that runs out during a reload moves all connections', async () => {
  const { service, deploy } = await startRelease({ config: { graceful: { probationMs: 50 }, server } })
  const connections = await openConnections(service.target, count)
  for (const connection of connections) expect(await askOn(connection)).toBe(1)
  allowDescriptors(service.pid, 0)
  await expect(service.reload()).rejects.toThrow('ERR_HANDOVER_SPAWN')
  expect(await servedByNext(connections)).toBe(0)
  allowDescriptors(service.pid)
  expect(await whoServes(service.target)).toEqual({ pid: service.pid, generation: 1 })

  deploy(release({ beforeListen: stopsWhenReady }))
  service.signal('SIGHUP')
  const successor = await stoppedSuccessor(service)
  allowDescriptors(service.pid, 0)
  service.signal('SIGCONT', successor)
  const [report] = await finalReports(service, 1)
  expect(report?.drain).toMatchObject({ open: count, moved: count, lost: 0, cut: [] })
  expect(await servedByNext(connections)).toBe(count)
  for (const connection of connections) connection.close()
})
