// `handover scale`: the number of workers of a running `handover run` changes, and clients do not notice.
import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { ControlStatus } from '@handover/core/supervision'
import { everyWorkload, keepAlive } from '@handover/load'
import { expect, test } from 'vitest'
import { cli, startCli } from '../support/cli.js'
import { startControlled } from '../support/controlled.js'
import { ask, askOnce, givenBy, inFlight } from '../support/http.js'
import { underLoad } from '../support/load.js'
import { programFile } from '../support/program.js'
import { requestReload } from '../support/release.js'
import { callAll, openConnections } from '../support/resting.js'
import type { FixtureConfig } from '../support/service.js'
import { accepting, launchRun, rollWorkers, startRun } from '../support/supervised.js'
import { tempDir } from '../support/temp-dir.js'
import { until } from '../support/until.js'
import { openConversations } from '../support/websockets.js'
import { whoServes } from '../support/who.js'

/** A service with `workers` workers. `be` sets how workers behave that start later: see `test/fixtures/release.mjs`. */
async function startScalable(
  workers: number,
  run: readonly string[] = [],
  { graceful, ...config }: FixtureConfig = {},
) {
  const control = join(tempDir(), 'control')
  const release = join(tempDir(), 'release.json')
  const service = await startRun('http.mjs', {
    run: ['--workers', String(workers), '--control', control, ...run],
    config: { release, ...config, graceful: { probationMs: 50, ...(graceful as object) } },
  })
  return {
    service,
    control,
    be: (how: object) => writeFileSync(release, JSON.stringify(how)),
    beGood: () => rmSync(release),
    /** Workers that start later listen only when the returned function is called. */
    holdStarts: () => {
      const waitFor = join(tempDir(), 'go')
      writeFileSync(release, JSON.stringify({ waitFor }))
      return () => writeFileSync(waitFor, '')
    },
    scale: (to: number | string, ...more: string[]) =>
      cli(['scale', String(to), '--control', control, ...more]),
    status: async (): Promise<ControlStatus> =>
      JSON.parse((await cli(['status', '--json', '--control', control])).stdout),
  }
}

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
  const { service, scale, control } = await startScalable(1)
  const connections = await openConnections(service.target, 40)
  expect((await callAll(connections)).failures).toEqual([])
  expect(await scale(2)).toMatchObject({ code: 0 })
  await until('both workers have connections', async () => {
    const pids = new Set<number>()
    for (const connection of connections) pids.add(givenBy(await ask(connection, '/')).pid)
    return pids.size === 2
  })
  expect(await cli(['stop', '--control', control])).toMatchObject({ code: 0 })
})

test('C54: with handover scale, idle connections of leaving workers move to the remaining ones', async () => {
  const { service, scale } = await startScalable(3)
  const connections = await openConnections(service.target, 60)
  expect((await callAll(connections)).failures).toEqual([])
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
  ['is never ready', ['--ready-timeout', '3s'], { hang: true }, /was not ready after 3000 ms/],
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

test('C54: when one of the new workers fails, the others leave again', async () => {
  const folder = tempDir()
  const control = join(folder, 'control')
  // Only the first two processes become ready.
  const program = programFile(`
    import { mkdirSync } from 'node:fs'
    import http from 'node:http'
    const isFirst = (name) => { try { mkdirSync(${JSON.stringify(folder)} + name); return true } catch { return false } }
    if (!isFirst('/one') && !isFirst('/two')) throw new Error('one too many')
    const server = http.createServer((request, response) => response.end())
    tellOf(graceful(server, config.graceful))
    server.listen({ port: 0, host: '127.0.0.1' }, () => tell('listening', { addresses: [server.address()] }))`)
  const service = await startRun(program, { run: ['--control', control] })
  const [first] = accepting(service)
  const { code, stderr } = await cli(['scale', '3', '--control', control])
  expect(code).toBe(1)
  expect(stderr).toContain('The number of workers is still 1, because a new one failed: ')
  expect(stderr).toContain('one too many')
  await until('the new workers have exited', () => service.processes().length === 2)
  expect(accepting(service)).toEqual([first])
})

test('C54: a reload that is requested during a scale replaces all workers afterwards', async () => {
  const { service, control, holdStarts, scale } = await startScalable(1)
  const go = holdStarts()
  const scaling = scale(2)
  await service.line(/changing the number of workers from 1 to 2/)
  const reload = startCli(['reload', '--control', control])
  // The service refuses another scale as soon as it has the request for the reload.
  const isWaiting = async () => /A reload is under way/.test((await scale(2)).stderr)
  await until('the reload waits', isWaiting)
  go()
  expect(await scaling).toMatchObject({ code: 0 })
  const { code, stdout } = await reload.ended
  expect(code).toBe(0)
  expect(stdout.match(/generation 2 \(pid \d+\) is serving/g)).toHaveLength(2)
})

test('C54: a SIGHUP and a reload of the program during a scale lose nothing', async () => {
  const { service, holdStarts, scale } = await startScalable(1)
  const go = holdStarts()
  const scaling = scale(2)
  await service.line(/changing the number of workers from 1 to 2/)
  service.signal('SIGHUP', service.pid)
  // The program may try again; the signal must not be lost.
  expect(await requestReload(service.target)).toMatchObject({ code: 'ERR_HANDOVER_IN_PROGRESS' })
  go()
  expect(await scaling).toMatchObject({ code: 0 })
  await service.line(/workers on the new release: 2 of 2/)
  expect(await whoServes(service.target)).toMatchObject({ generation: 2 })
})

test('C54: handover scale is refused during a reload, and waits for it with --queue', async () => {
  const { service, scale, control, holdStarts } = await startScalable(1)
  const go = holdStarts()
  const reload = startCli(['reload', '--control', control])
  await reload.printed(/is starting/)
  const refused = await scale(2)
  expect(refused).toMatchObject({ code: 5, stdout: '' })
  expect(refused.stderr).toBe(
    'handover: scaling was refused (ERR_HANDOVER_IN_PROGRESS): A reload is under way. Try again when it has ended.\n',
  )
  const queue = startCli(['scale', '2', '--queue', '--control', control])
  await queue.printed(/is under way; waiting for it to end/)
  go()
  const queued = await queue.ended
  expect(queued).toMatchObject({ code: 0, stdout: 'the service has 2 workers; before: 1\n' })
  expect(queued.stderr).toContain('a reload or another change of the number of workers is under way')
  expect(await reload.ended).toMatchObject({ code: 0 })
  expect(accepting(service)).toHaveLength(2)
})

test('C54: a second scale is refused while workers start', async () => {
  const { service, scale, holdStarts } = await startScalable(1)
  const go = holdStarts()
  const first = scale(2)
  await service.line(/changing the number of workers from 1 to 2/)
  expect(await scale(3)).toMatchObject({
    code: 5,
    stderr: expect.stringContaining('The number of workers is changing already.'),
  })
  go()
  expect(await first).toMatchObject({ code: 0 })
})

test('C54: after a scale, a reload replaces every worker, and a killed worker is replaced', async () => {
  const { service, scale, status } = await startScalable(1)
  await scale(3)
  await rollWorkers(service, 3)
  const killed = accepting(service)[0] ?? 0
  service.signal('SIGKILL', killed)
  await service.line(/starting a replacement/)
  await until('three workers serve', () => accepting(service).length === 3)
  expect((await status()).supervisor?.workers).toBe(3)
})

test('C54: a worker that keeps crashing leaves first, and is not started again', async () => {
  const { service, scale, be, beGood } = await startScalable(3)
  const [first = 0, ...others] = accepting(service)
  be({ throw: 'cannot start' })
  service.signal('SIGKILL', first)
  await service.line(/cannot start; starting a replacement in/)
  expect(await scale(2)).toMatchObject({ code: 0 })
  expect(accepting(service)).toEqual(others)
  beGood()
  expect(await scale(3)).toMatchObject({ code: 0 })
  expect(accepting(service)).toHaveLength(3)
})

test('C54: a shutdown ends workers that a scale is starting', async () => {
  const { service, scale, be } = await startScalable(1)
  be({ hang: true })
  const scaling = scale(2)
  await service.line(/changing the number of workers from 1 to 2/)
  await until('the new worker runs', () => service.processes().length === 3)
  service.signal('SIGTERM', service.pid)
  await service.exitOf(service.pid)
  expect([4, 5]).toContain((await scaling).code)
  expect(service.processes()).toEqual([])
})

test('a service without workers refuses handover scale', async () => {
  const { path } = await startControlled()
  const { code, stderr } = await cli(['scale', '2', '--control', path])
  expect(code).toBe(5)
  expect(stderr).toMatch(
    /^handover: scaling was refused \(ERR_HANDOVER_UNSUPPORTED\): Generation 1 \(pid \d+\) runs without workers, so their number cannot change\. Start the service with handover run --workers\.\n$/,
  )
})

test('handover scale finds the control socket in the configuration', async () => {
  const cwd = tempDir()
  writeFileSync(join(cwd, 'handover.config.json'), JSON.stringify({ control: 'own.sock', workers: 1 }))
  const service = launchRun('http.mjs', { cwd })
  await service.line(/1 worker serves/)
  expect(await cli(['scale', '2'], { cwd })).toMatchObject({ code: 0 })
  expect(await askOnce(service.target, '/')).toMatchObject({ status: 200 })
})
