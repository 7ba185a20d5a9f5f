import type { ReloadReport } from '@handover/core'
import type { RawConnection } from '@handover/load'
import { expect, test } from 'vitest'
import { isHandedOver, isReady } from '../support/generations.js'
import { statusOf } from '../support/processes.js'
import { release, startRelease } from '../support/release.js'
import { finalReports } from '../support/reports.js'
import { askOn, callAll, openConnections } from '../support/resting.js'
import type { Service } from '../support/service.js'
import { until } from '../support/until.js'
import { whoServes } from '../support/who.js'

const count = 2_000
/** At most this many connections are in transit between the two processes at a time. */
const mostUnderway = 32

/** A release that takes over, and then stops before it receives a connection. */
const stopsWhenOwner = release({
  beforeListen: `handle.on('state', ({ state, onProbation }) => {
    if (state === 'ready' && !onProbation) setImmediate(() => process.kill(process.pid, 'SIGSTOP'))
  })`,
})

const patient = 'server.keepAliveTimeout = 60_000'

/** A release that stops when it has received a quarter of the connections. */
const stopsAmidst = release({
  beforeListen: `${patient}
    let received = 0
    server.on('connection', () => ++received === ${count / 4} && process.kill(process.pid, 'SIGSTOP'))`,
})

/** A service with resting connections that move. The successor is stopped, so that the move does not end. */
async function whileMoving(): Promise<{ service: Service; connections: RawConnection[]; successor: number }> {
  const { service, deploy } = await startRelease({
    config: { graceful: { probationMs: 50, drainTimeoutMs: 60_000, lingerMs: 10_000 } },
    text: release({ beforeListen: patient }),
    leftOvers: 'allowed',
  })
  deploy(stopsAmidst)
  const connections = await openConnections(service.target, count)
  await callAll(connections)
  service.signal('SIGHUP')
  const { pid: successor } = await service.event((fact) => isReady(fact) && fact.generation === 2)
  await service.event(isHandedOver)
  await until('the successor stops', () => statusOf(successor)?.state === 'T')
  return { service, connections, successor }
}

test('SIGKILL to the successor while 2000 connections move: the predecessor serves the remaining ones, and the report counts the lost ones', async () => {
  const { service, connections, successor } = await whileMoving()
  service.signal('SIGKILL', successor)
  const { servedBy, kept, failures } = await callPolitely(connections)
  const { report } = await service.event(({ code }) => code === 'ERR_HANDOVER_SUCCESSOR_LOST')
  const { lost = Number.NaN } = (report as unknown as ReloadReport).failure ?? {}
  expectServedHere(servedBy.get(1) ?? 0, count - lost, kept)
  expect(failures).toHaveLength(count - (servedBy.get(1) ?? 0))
  expect(await whoServes(service.target)).toEqual({ pid: service.pid, generation: 1 })
})

test('SIGKILL to the predecessor while 2000 connections move: the successor serves those it has received, and none hangs', async () => {
  const { service, connections, successor } = await whileMoving()
  service.signal('SIGKILL', service.pid)
  service.signal('SIGCONT', successor)
  const { servedBy, failures } = await callPolitely(connections)
  expect([...servedBy.keys()].filter((generation) => generation !== 2)).toEqual([])
  expect((servedBy.get(2) ?? 0) + failures.length).toBe(count)
  // The successor is intact: it serves new clients.
  const [fresh] = await openConnections(service.target, 1)
  expect((await callAll([fresh as RawConnection])).servedBy).toEqual(new Map([[2, 1]]))
  expect(service.serving.pid).toBe(successor)
})

test('SIGTERM to the successor while 2000 connections move: the predecessor serves those that the successor refuses, and no request fails', async () => {
  const { service, connections, successor } = await whileMoving()
  service.signal('SIGTERM', successor)
  service.signal('SIGCONT', successor)
  const { servedBy, kept, failures } = await callPolitely(connections)
  expect(failures).toEqual([])
  const [report] = await finalReports(service, 2)
  const { moved, closed } = report?.drain ?? { moved: NaN, closed: NaN }
  expect(report?.drain).toMatchObject({ lost: 0, cut: [] })
  expect(moved + closed).toBe(count)
  expectServedHere(servedBy.get(1) ?? 0, closed, kept)
  for (const pid of [service.pid, successor]) await service.exitOf(pid)
})

test('the successor hangs while connections move: only those in transit wait, and the predecessor serves the others', async () => {
  const { service, deploy } = await startRelease({
    config: { graceful: { probationMs: 50, drainTimeoutMs: 20_000 } },
    leftOvers: 'allowed',
  })
  deploy(stopsWhenOwner)
  const connections = await openConnections(service.target, 200)
  await callAll(connections)
  service.signal('SIGHUP')
  await service.event(isHandedOver)
  const unserved = new Set(connections)
  const askOften = async (connection: RawConnection) => {
    for (let i = 0; i < 5; i++) expect(await askOn(connection)).toBe(1)
    unserved.delete(connection)
  }
  const all = Promise.allSettled(connections.map(askOften))
  await until('only connections in transit are unserved', () => unserved.size <= mostUnderway)
  for (const connection of connections) connection.close()
  await all
})

/** Generation 1 answered every connection that stayed, and perhaps some others before they moved. */
function expectServedHere(answered: number, stayed: number, kept: number): void {
  expect(answered).toBeGreaterThanOrEqual(stayed)
  expect(answered).toBeLessThanOrEqual(stayed + kept)
}

/** Sends one request on each connection. `kept`: how many responses of generation 1 did not announce the close. */
async function callPolitely(connections: readonly RawConnection[]) {
  const servedBy = new Map<number, number>()
  const failures: string[] = []
  let kept = 0
  await Promise.all(
    connections.map(async (connection) => {
      try {
        connection.write('GET / HTTP/1.1\r\nhost: test\r\n\r\n')
        const { status, headers, keepAlive } = await connection.response()
        if (status !== 200) throw new Error(`status ${status}`)
        const generation = Number(headers.get('x-generation'))
        servedBy.set(generation, (servedBy.get(generation) ?? 0) + 1)
        if (generation === 1 && keepAlive) kept++
      } catch (error) {
        failures.push(String(error))
      } finally {
        connection.close()
      }
    }),
  )
  return { servedBy, kept, failures }
}

test('the successor stops in the middle of the move: every open connection has one outcome in the report and in the log', async () => {
  const { service, deploy } = await startRelease({
    config: { graceful: { probationMs: 50, drainTimeoutMs: 1_500 } },
    leftOvers: 'allowed',
  })
  deploy(stopsWhenOwner)
  const connections = await openConnections(service.target, 50)
  await callAll(connections)
  await service.reload()
  const [report] = await finalReports(service, 1)
  expect(report?.drain).toMatchObject({ open: 50, arrived: 0, moved: 0, closed: 18, lost: mostUnderway })
  await service.line(/drained in \d+ ms: 0 connections moved, 18 closed, 0 cut, 32 lost in transit/)
  for (const connection of connections) connection.close()
})
