import { join } from 'node:path'
import type { RawConnection } from '@handover/load'
import { expect, test } from 'vitest'
import { ask, ControlSocket, type Line } from '../support/control.js'
import { startControlled } from '../support/controlled.js'
import { inFlight } from '../support/http.js'
import { launchProgram } from '../support/program.js'
import { tempDir } from '../support/temp-dir.js'
import { until } from '../support/until.js'
import { whoServes } from '../support/who.js'

const isPhase =
  (phase: string) =>
  (line: Line): boolean =>
    line.event === 'phase' && line.phase === phase

const statusOf = async (path: string) => (await ask(path, 'status')).status

test('C53: reload returns the report when the successor serves and the predecessor has drained', async () => {
  const { path, service } = await startControlled()
  const answer = await ask(path, 'reload')
  const serving = await whoServes(service.target)
  expect(serving.generation).toBe(2)
  expect(answer).toMatchObject({
    ok: true,
    reload: {
      outcome: 'handed-over',
      reports: [
        { generation: 1, pid: service.pid, successor: serving, drain: { because: 'handed-over', cut: [] } },
      ],
    },
  })
  await service.exitOf(service.pid)
  expect(await statusOf(path)).toMatchObject({
    generations: [{ ...serving, state: 'ready' }],
    lastReload: (answer as { reload?: object }).reload,
  })
})

// Short, but long enough for the good release at the end to become ready.
const readyTimeoutMs = 5_000

const failures: [string, object, object, RegExp][] = [
  ['throws', { throw: 'no database' }, {}, /SUCCESSOR_EXITED.*no database/],
  ['exits 0', { exit: 0 }, {}, /SUCCESSOR_EXITED.*exited with code 0 before it was ready/],
  ['hangs', { hang: true }, { readyTimeoutMs }, /READY_TIMEOUT.*not ready after 5000 ms/],
  ['takes too long', { slowMs: 20_000 }, { readyTimeoutMs }, /READY_TIMEOUT.*not ready after 5000 ms/],
  ['dies on probation', { dieAfterReadyMs: 1 }, { probationMs: 5_000 }, /PROBATION.*exited with code 9/],
  [
    'listens on another port',
    { listen: { port: 0, host: '::1' } },
    {},
    /PROBATION.*listens on none of its predecessor's addresses \(127\.0\.0\.1:\d+\)/,
  ],
]

test.each(failures)(
  'C53: when a release %s, reload returns the reason and status shows it',
  async (_, behavior, graceful, reason) => {
    const { path, service, next } = await startControlled(graceful)
    next(behavior)
    const answer = (await ask(path, 'reload')) as unknown as { error: { code: string; message: string } }
    expect(answer).toMatchObject({
      ok: false,
      reload: { outcome: 'failed', reports: [{ generation: 1, failure: { code: answer.error.code } }] },
    })
    expect(`${answer.error.code} ${answer.error.message}`).toMatch(reason)
    expect(await whoServes(service.target)).toEqual({ pid: service.pid, generation: 1 })
    expect(await statusOf(path)).toMatchObject({
      generations: [{ generation: 1, pid: service.pid, state: 'ready' }],
      lastReload: { outcome: 'failed', reports: [{ failure: { code: answer.error.code } }] },
    })
    next({})
    expect(await ask(path, 'reload')).toMatchObject({ ok: true })
  },
)

test('C53: a client that waits for a slow release receives regular alive events', async () => {
  const { path, holdNext } = await startControlled()
  const go = holdNext()
  const client = await ControlSocket.connect(path)
  client.send({ handover: 1, id: 'deploy', request: 'reload' })
  await until(
    'two alive events arrive',
    () => client.lines.filter(({ event }) => event === 'alive').length >= 2,
  )
  go()
  expect(await client.answer('deploy')).toMatchObject({ ok: true })
})

test('C53: a client that reloads receives each phase and the progress of the drain', async () => {
  const { path, service } = await startControlled({ drainTimeoutMs: 60_000 })
  const { request, open } = await inFlight(service.target)
  const client = await ControlSocket.connect(path)
  client.send({ handover: 1, id: 1, request: 'reload' })
  await client.line(({ event, open, of }) => event === 'draining' && open === 1 && (of as number) >= 1)
  const { pid } = await whoServes(service.target)
  const common = { id: 1, event: 'phase', generation: 1, pid: service.pid, successor: { generation: 2, pid } }
  expect(client.lines.filter(({ event }) => event === 'phase')).toEqual([
    { ...common, phase: 'starting', limitMs: 60_000 },
    { ...common, phase: 'probation', limitMs: 50 },
    { ...common, phase: 'draining', limitMs: 60_000 },
  ])
  open()
  expect(await client.answer(1)).toMatchObject({ ok: true })
  expect((await request.response()).status).toBe(200)
})

test('C53: with "wait": false reload returns while the predecessor drains, and status shows what holds the drain', async () => {
  const { path, service } = await startControlled({ drainTimeoutMs: 60_000 })
  const requests: RawConnection[] = []
  const opens: (() => void)[] = []
  for (const generation of [1, 2]) {
    const { request, open } = await inFlight(service.target)
    requests.push(request)
    opens.push(open)
    const answer = await ask(path, 'reload', { wait: false })
    expect(answer).toMatchObject({ ok: true, reload: { reports: [{ generation }] } })
  }
  const waiting = {
    state: 'draining',
    because: 'handed-over',
    connections: { inFlight: 1 },
    activeWork: [{ kind: 'http1', what: expect.stringMatching(/^GET \/held$/) }],
    msLeft: expect.any(Number),
  }
  const generations = [
    { generation: 3, state: 'ready' },
    { generation: 2, ...waiting },
    { generation: 1, ...waiting, pid: service.pid },
  ]
  await until('status shows both predecessors', async () => {
    const { generations } = (await statusOf(path)) as { generations: unknown[] }
    return generations.length === 3
  })
  expect(await statusOf(path)).toMatchObject({ generations })
  for (const open of opens) open()
  for (const request of requests) expect((await request.response()).status).toBe(200)
  await until('both predecessors have exited', async () => {
    const status = (await statusOf(path)) as { generations: unknown[]; lastReload: { reports: object[] } }
    return status.generations.length === 1 && 'drain' in (status.lastReload.reports[0] ?? {})
  })
})

test('C53: the service refuses a second reload during the first, and the first succeeds', async () => {
  const { path, holdNext } = await startControlled()
  const go = holdNext()
  const client = await ControlSocket.connect(path)
  client.send({ handover: 1, id: 1, request: 'reload' })
  await client.line(isPhase('starting'))
  expect(await ask(path, 'reload')).toMatchObject({
    ok: false,
    error: { code: 'ERR_HANDOVER_IN_PROGRESS' },
  })
  expect(await statusOf(path)).toMatchObject({
    generations: [
      { generation: 1, state: 'handing-over' },
      { generation: 2, state: 'starting' },
    ],
  })
  go()
  expect(await client.answer(1)).toMatchObject({ ok: true })
})

test('C53: status also shows a reload that a signal started', async () => {
  const { path, service, next } = await startControlled()
  const lastReload = async () => ((await statusOf(path)) as { lastReload?: object }).lastReload
  expect(await lastReload()).toBeUndefined()
  next({ exit: 3 })
  await expect(service.reload()).rejects.toThrow('the reload failed')
  expect(await lastReload()).toMatchObject({ outcome: 'failed', reports: [{ failure: { exitCode: 3 } }] })
  next({})
  const { to } = await service.reload()
  await until('the successor serves the socket and has the report', async () => {
    const { generations, lastReload } = (await statusOf(path)) as {
      generations: { pid: number }[]
      lastReload?: object
    }
    return generations[0]?.pid === to.pid && lastReload !== undefined
  })
  expect(await lastReload()).toMatchObject({ outcome: 'handed-over', reports: [{ successor: to }] })
})

test('C53: the first status already shows the age of a request', async () => {
  const { path, service } = await startControlled()
  const sentAt = performance.now()
  const { open } = await inFlight(service.target)
  const startedAt = performance.now()
  await until('the request is three seconds old', () => performance.now() - startedAt > 3_000)
  const { generations } = (await statusOf(path)) as { generations: { activeWork: { ageMs: number }[] }[] }
  const [oldest] = generations[0]?.activeWork ?? []
  // Handover samples ages every 100 ms, or less often on a busy machine.
  expect(oldest?.ageMs).toBeGreaterThan(500)
  expect(oldest?.ageMs).toBeLessThanOrEqual(performance.now() - sentAt)
  open()
})

test('C53: the control socket exists when the first generation becomes ready', async () => {
  const control = join(tempDir(), 'control.sock')
  const service = launchProgram(
    `import http from 'node:http'
    import { existsSync } from 'node:fs'
    const server = http.createServer()
    const handle = graceful(server, { control: config.control })
    handle.on('state', ({ state }) => tell('seen', { state, isThere: existsSync(config.control) }))
    tellOf(handle)
    server.listen(0, '127.0.0.1')`,
    { config: { control } },
  )
  expect(await service.event('seen')).toMatchObject({ state: 'ready', isThere: true })
})
