// The kernel picks the worker that accepts a connection, so `handover run` rebalances open connections unnoticed.
import { join } from 'node:path'
import type { ControlStatus } from '@handover/core/supervision'
import { keepAlive, type RawConnection, type Target } from '@handover/load'
import { expect, onTestFinished, test } from 'vitest'
import { cli } from '../support/cli.js'
import { ask, givenBy } from '../support/http.js'
import { underLoad } from '../support/load.js'
import { allowDescriptors, descriptorsOf, statusOf } from '../support/processes.js'
import { callAll, openConnections, staysIdle } from '../support/resting.js'
import type { Service } from '../support/service.js'
import { accepting, type RunOptions, rollWorkers, startRun } from '../support/supervised.js'
import { tempDir } from '../support/temp-dir.js'
import { until } from '../support/until.js'

const quick = { probationMs: 50 }

/** Starts two workers and stops one of them until `open` is done, so that the other accepts every connection. */
async function unevenly<T>(
  open: (service: Service) => Promise<T>,
  options: RunOptions = {},
  fixture = 'http.mjs',
): Promise<{
  service: Service
  opened: T
  full: number
  empty: number
  openAt(pid: number): Promise<number>
}> {
  const control = join(tempDir(), 'control')
  const service = await startRun(fixture, {
    run: ['--workers', '2', '--control', control],
    config: { graceful: quick, ...staysIdle },
    ...options,
  })
  const [full = 0, empty = 0] = accepting(service)
  process.kill(empty, 'SIGSTOP')
  onTestFinished(() => resume(empty))
  const opened = await open(service)
  resume(empty)
  return { service, opened, full, empty, openAt: (pid) => openAt(control, pid) }
}

/** The number of open connections that a worker reports. */
async function openAt(control: string, pid: number): Promise<number> {
  const { stdout } = await cli(['status', '--json', '--control', control])
  const { generations }: ControlStatus = JSON.parse(stdout)
  return generations.find((each) => each.pid === pid)?.connections?.total ?? 0
}

function resume(pid: number): void {
  try {
    process.kill(pid, 'SIGCONT')
  } catch {
    // The process has exited.
  }
}

/** Opens connections and waits for a response on each, so that none is still in the kernel's accept queue. */
async function openServed({ target }: Service, count: number): Promise<RawConnection[]> {
  const connections = await openConnections(target, count)
  expect([...(await shares(connections)).values()]).toEqual([count])
  return connections
}

/** Waits until all earlier connections are accepted: the kernel queues connections in order. */
async function openServedBeside(target: Target): Promise<void> {
  const [last] = await openConnections(target, 1)
  if (last) await shares([last])
  last?.close()
}

/** Sends one request on each connection and counts the connections by worker. */
async function shares(connections: readonly RawConnection[]): Promise<Map<number, number>> {
  const counts = new Map<number, number>()
  for (const connection of connections) {
    const answer = await ask(connection, '/')
    expect(answer).toMatchObject({ status: 200, keepAlive: true })
    const { pid } = givenBy(answer)
    counts.set(pid, (counts.get(pid) ?? 0) + 1)
  }
  return counts
}

test.each([
  { what: 'node:http', fixture: 'http.mjs', listen: {} },
  { what: 'node:http on a Unix socket', fixture: 'http.mjs', listen: { path: 'app.sock' } },
  { what: 'Fastify', fixture: 'fastify.mjs', listen: {} },
  { what: 'Express', fixture: 'express.mjs', listen: {} },
  { what: 'Koa', fixture: 'koa.mjs', listen: {} },
])(
  'C54: a worker that accepted every connection hands some to the other, and each keeps working ($what)',
  async ({ fixture, listen: { path } }) => {
    const config = {
      graceful: quick,
      ...staysIdle,
      ...(path !== undefined && { listen: { path: join(tempDir(), path) } }),
    }
    const held = ({ pid }: Service) => descriptorsOf(pid).length
    const open = async (service: Service) => ({
      before: held(service),
      connections: await openServed(service, 40),
    })
    const { opened, service, full, empty } = await unevenly(open, { config }, fixture)
    let counts = new Map<number, number>()
    await until('the connections are rebalanced', async () => {
      counts = await shares(opened.connections)
      return (counts.get(empty) ?? 0) >= 16
    })
    // The other worker gets at most its share, and no connection moves back.
    expect(counts.get(full)).toBeGreaterThanOrEqual(16)
    await until('the supervisor has kept no descriptor of them', () => held(service) <= opened.before)
    for (const connection of opened.connections) connection.close()
  },
)

test('C54: the workers rebalance connections that are never idle, each after a response', async () => {
  const over = new AbortController()
  const { opened, openAt, empty } = await unevenly(async ({ target }) => {
    const load = keepAlive({ clients: 24, think: { minMs: 0, maxMs: 0 } })(target, { signal: over.signal })
    await openServedBeside(target)
    return { load }
  })
  await until('the other worker has at least 8 connections', async () => (await openAt(empty)) >= 8)
  over.abort()
  const { failures, connectionsOpened } = await opened.load
  expect(failures).toEqual([])
  expect(connectionsOpened).toBe(24)
})

test('C54: the workers rebalance connections that have not sent a request', async () => {
  const { opened, openAt, empty } = await unevenly(async ({ target }) => {
    const silent = await openConnections(target, 24)
    await openServedBeside(target)
    return silent
  })
  await until('the other worker has at least 8 connections', async () => (await openAt(empty)) >= 8)
  expect((await shares(opened)).size).toBe(2)
  for (const connection of opened) connection.close()
})

test('C54: no connection is lost when a worker is killed before it takes the connections that it was offered', async () => {
  const { service, opened, empty } = await unevenly(
    (service) => openServed(service, 40),
    {},
    'stops-when-given.mjs',
  )
  await until('the other worker was offered a connection and hangs', () => statusOf(empty)?.state === 'T')
  service.signal('SIGKILL', empty)
  const counts = await shares(opened)
  expect(counts.get(empty)).toBeUndefined()
  expect([...counts.values()].reduce((sum, count) => sum + count)).toBe(40)
  for (const connection of opened) connection.close()
})

test('C72: a worker without free descriptors gets connections when it has room, and the other workers keep them until then', async () => {
  const { service, opened, full, empty } = await unevenly(async (service) => {
    allowDescriptors(accepting(service)[1] ?? 0, 0)
    return openServed(service, 40)
  })
  const startedAt = performance.now()
  await until('two seconds have passed', () => performance.now() - startedAt > 2_000)
  expect([...(await shares(opened)).keys()]).toEqual([full])
  allowDescriptors(empty)
  // The supervisor retries with the busy worker when its number of connections changes.
  await until('the connections are rebalanced', async () => {
    const [more] = await openConnections(service.target, 1)
    if (more) opened.push(more)
    return ((await shares(opened)).get(empty) ?? 0) >= 16
  })
  for (const connection of opened) connection.close()
})

test('C54: a reload during rebalancing loses no connection', { timeout: 120_000 }, async () => {
  const { service, opened, empty } = await unevenly((service) => openServed(service, 200))
  const failures: string[] = []
  for (let generation = 2; generation <= 6; generation++) {
    await rollWorkers(service, 2)
    const called = await callAll(opened)
    failures.push(...called.failures)
    expect([...called.servedBy.keys()].filter((by) => by < generation - 1)).toEqual([])
  }
  expect(failures).toEqual([])
  expect(accepting(service)).not.toContain(empty)
  for (const connection of opened) connection.close()
})

test('C54: no request fails when reload and rebalancing overlap under load', async () => {
  const { service } = await unevenly(async () => {})
  const load = await underLoad(service.target, async () => {
    for (let n = 0; n < 5; n++) await rollWorkers(service, 2)
  }, [keepAlive({ clients: 32, think: { minMs: 0, maxMs: 10 } })])
  expect(load.failures).toEqual([])
  expect(load.closedByAnswer).toBe(0)
})

test('C54: with moveConnections: false every connection stays with the worker that accepted it', async () => {
  const config = { graceful: { ...quick, moveConnections: false }, ...staysIdle }
  const { opened, full } = await unevenly((service) => openServed(service, 20), { config })
  const startedAt = performance.now()
  await until('two seconds have passed', () => performance.now() - startedAt > 2_000)
  expect([...(await shares(opened)).keys()]).toEqual([full])
  for (const connection of opened) connection.close()
})
