// `handover scale`: the number of workers of a running `handover run` changes, and clients do not notice.
import { join } from 'node:path'
import { everyWorkload, keepAlive, type RawConnection } from '@handover/load'
import { expect, test } from 'vitest'
import { cli } from '../support/cli.js'
import { ask, givenBy, inFlight } from '../support/http.js'
import { underLoad } from '../support/load.js'
import { callAll, openConnections, staysIdle } from '../support/resting.js'
import { startScalable } from '../support/scalable.js'
import { accepting, startRun } from '../support/supervised.js'
import { tempDir } from '../support/temp-dir.js'
import { until } from '../support/until.js'
import { openConversations } from '../support/websockets.js'

/** Waits until each of the workers has some of the connections. */
const untilServedBy = (workers: number, connections: readonly RawConnection[]) =>
  until(`${workers} workers have connections`, async () => {
    const pids = new Set<number>()
    for (const connection of connections) pids.add(givenBy(await ask(connection, '/')).pid)
    return pids.size === workers
  })

test('C54: handover scale starts workers that serve when the command returns', async () => {
  const { service, scale, status } = await startScalable(1)
  const pid = service.serving.pid
  expect(await scale(3)).toEqual({
    code: 0,
    stdout: 'the service has 3 workers; before: 1\n',
    stderr: '',
  })
  const { supervisor, generations } = await status()
  expect(supervisor?.workers).toBe(3)
  expect(generations.map(({ state, generation }) => ({ state, generation }))).toEqual(
    Array(3).fill({ state: 'ready', generation: 1 }),
  )
  expect(generations.map((each) => each.pid)).toContain(pid)
})

test('C54: workers that handover scale adds take connections from the worker that was alone', async () => {
  const { service, scale, control } = await startScalable(1, [], staysIdle)
  const connections = await openConnections(service.target, 40)
  expect((await callAll(connections)).failures).toEqual([])
  expect(await scale(2)).toMatchObject({ code: 0 })
  await untilServedBy(2, connections)
  expect(await cli(['stop', '--control', control])).toMatchObject({ code: 0 })
})

test('C54: with handover scale, idle connections of leaving workers move to the remaining ones', async () => {
  const { service, scale } = await startScalable(3, [], staysIdle)
  const connections = await openConnections(service.target, 60)
  expect((await callAll(connections)).failures).toEqual([])
  await untilServedBy(3, connections)
  const { code, stdout } = await scale(1)
  expect(code).toBe(0)
  expect(stdout).toMatch(
    /^the service has 1 worker; before: 3\n\d+ connections? moved to the remaining workers\n/,
  )
  expect(stdout.match(/generation 1 \(pid \d+\) drained in .*, 0 cut$/gm)).toHaveLength(2)
  const [remaining] = accepting(service)
  expect(accepting(service)).toEqual([remaining])
  for (const connection of connections) {
    const answer = await ask(connection, '/')
    expect(answer).toMatchObject({ status: 200, keepAlive: true })
    expect(givenBy(answer).pid).toBe(remaining)
  }
})

test('C54: with handover scale, busy keep-alive connections stay open and move', async () => {
  const { service, scale } = await startScalable(3)
  const clients = 24
  const load = await underLoad(service.target, () => scale(1), [keepAlive({ clients })])
  expect(load.failures).toEqual([])
  expect(load).toMatchObject({ closedByAnswer: 0, connectionsOpened: clients })
})

test('C54: no request fails under every kind of load while the number of workers goes up and down', {
  timeout: 120_000,
}, async () => {
  const { service, scale } = await startScalable(1)
  const load = await underLoad(
    service.target,
    async () => {
      for (const to of [3, 2, 4, 1]) expect(await scale(to)).toMatchObject({ code: 0 })
    },
    everyWorkload(),
  )
  expect(load.failures).toEqual([])
  expect(accepting(service)).toHaveLength(1)
})

test('C54: a leaving worker finishes a request in flight, and the command waits for it', async () => {
  const { service, scale } = await startScalable(2)
  const [first = 0, second = 0] = accepting(service)
  service.signal('SIGSTOP', first)
  const { request, open } = await inFlight(service.target)
  service.signal('SIGCONT', first)
  const scaling = scale(1)
  await service.event(({ event, pid, state }) => event === 'state' && pid === second && state === 'draining')
  open()
  expect(await request.response()).toMatchObject({ status: 200 })
  const { code, stdout } = await scaling
  expect(code).toBe(0)
  expect(stdout).toMatch(new RegExp(`^generation 1 \\(pid ${second}\\) drained in .* 1 closed, 0 cut$`, 'm'))
  expect(service.processes()).not.toContain(second)
})

test('C54: a leaving worker closes WebSockets with 1012, as at a shutdown', async () => {
  const control = join(tempDir(), 'control')
  const service = await startRun('ws.mjs', { run: ['--workers', '2', '--control', control] })
  const [first = 0] = accepting(service)
  service.signal('SIGSTOP', first)
  const conversations = await openConversations(service.target, 5)
  service.signal('SIGCONT', first)
  expect(await cli(['scale', '1', '--control', control])).toMatchObject({ code: 0 })
  for (const conversation of conversations)
    expect(await conversation.closed()).toMatchObject({ code: 1012, reason: 'service restart' })
})

test('C54: a leaving worker that is killed while it hands over its connections is not replaced', async () => {
  const { service, scale } = await startScalable(2)
  const [first = 0, second = 0] = accepting(service)
  service.signal('SIGSTOP', first)
  const connections = await openConnections(service.target, 20)
  expect((await callAll(connections)).failures).toEqual([])
  service.signal('SIGSTOP', second)
  service.signal('SIGCONT', first)
  const scaling = scale(1)
  await service.line(/changing the number of workers from 2 to 1/)
  service.signal('SIGKILL', second)
  expect(await scaling).toMatchObject({ code: 0 })
  expect(accepting(service)).toEqual([first])
  expect(service.output).not.toContain('starting a replacement')
})

test('C54: with moveConnections: false, connections of a leaving worker end as at a shutdown', async () => {
  const { service, scale } = await startScalable(2, [], { graceful: { moveConnections: false } })
  const load = await underLoad(service.target, () => scale(1), [keepAlive({ clients: 8 })])
  expect(load.failures).toEqual([])
  expect(accepting(service)).toHaveLength(1)
})

test('C54: handover scale to the present number does nothing and succeeds', async () => {
  const { scale, service } = await startScalable(2)
  const before = accepting(service)
  expect(await scale(2)).toEqual({ code: 0, stdout: 'the service already has 2 workers\n', stderr: '' })
  expect(JSON.parse((await scale(2, '--json')).stdout)).toEqual({
    before: 2,
    workers: 2,
    moved: 0,
    reports: [],
  })
  expect(accepting(service)).toEqual(before)
})

test.each([
  ['exits', [], { throw: 'a bad release' }, /exited with code 1 before it was ready: Error: a bad release/],
  ['is never ready', ['--ready-timeout', '10s'], { hang: true }, /was not ready after 10000 ms/],
] as const)(
  'C54: if a new worker %s, the number of workers stays, and the command prints why and exits with code 1',
  async (_, run, how, why) => {
    const { service, scale, be, status } = await startScalable(2, run)
    const before = accepting(service)
    be(how)
    const { code, stdout, stderr } = await scale(4)
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' })
    expect(stderr).toContain(
      'handover: scaling failed (ERR_HANDOVER_SUCCESSOR_EXITED): The number of workers is still 2, because a new one failed: ',
    )
    expect(stderr).toMatch(why)
    await until('the new workers have exited', () => service.processes().length === 3)
    expect(accepting(service)).toEqual(before)
    expect((await status()).supervisor?.workers).toBe(2)
    expect(service.output).not.toContain('starting a replacement')
  },
)
