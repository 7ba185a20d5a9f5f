import { keepAlive, mixedLoad, slowRequests, Tally } from '@handover/load'
import { describe, expect, test } from 'vitest'
import { ask, askOnce, connect, gate, get, isRefused, stateOf } from '../support/http.js'
import { finalReports } from '../support/reports.js'
import { type Fact, type Service, startService } from '../support/service.js'
import { until } from '../support/until.js'
import { frameworks } from './frameworks.js'

const lingerMs = 3000
/** Long enough to distinguish a shutdown that waits for it from one that does not. */
const drainTimeoutMs = 20_000
/** From the end of the last open work to the end of the process, as the process measures it. */
const promisedMs = 250

const clients = { saturated: 8, thinking: 50, slow: 10 }
const everyClient = clients.saturated + clients.thinking + clients.slow

const isDraining = ({ event, state }: Fact) => event === 'state' && state === 'draining'

/** Sends SIGTERM and resolves when the service drains. */
async function terminate(service: Service): Promise<void> {
  service.signal('SIGTERM')
  await service.event(isDraining)
}

describe.each(frameworks)('$name', ({ fixture }) => {
  const start = (graceful: object, more = {}) =>
    startService(fixture, { config: { graceful: { lingerMs, drainTimeoutMs, ...graceful }, ...more } })

  test('a SIGTERM under load fails no request, a response announces the close of every connection, and the process exits', async () => {
    const service = await start({ lingerMs: 3000 }, { stopwatch: true })
    const tally = new Tally()
    const load = mixedLoad(service.target, {
      tally,
      leaveOnClose: true,
      workloads: [
        keepAlive({ clients: clients.saturated }),
        keepAlive({ clients: clients.thinking, think: { minMs: 0, maxMs: 400 } }),
        slowRequests({ clients: clients.slow, ms: 1500 }),
      ],
    })
    await until('every client is served', async () => {
      const { inFlight } = (await stateOf(service.target)).connections
      return inFlight > clients.slow && (tally.open.get(1) ?? 0) >= everyClient - clients.slow
    })

    await terminate(service)
    const { failures, connectionsOpened, closedByAnswer } = await load
    expect(await service.exitOf(service.pid)).toMatchObject({ code: 0 })
    expect((await service.event('gone')).msSinceAnswer).toBeLessThan(promisedMs)
    expect(failures).toEqual([])
    expect([connectionsOpened, closedByAnswer]).toEqual([everyClient, everyClient])
    expect(await isRefused(service.target)).toBe(true)
    const [report] = await finalReports(service, 1)
    expect(report?.drain).toMatchObject({ because: 'shutdown', cut: [], timedOut: false })
  })

  test('after a SIGTERM an idle connection may send a request for lingerMs, then the server closes it cleanly', async () => {
    // Node would close idle connections after five seconds.
    const service = await start({}, { server: { keepAliveTimeout: 60_000 } })
    const speaker = await connect(service.target)
    const silent = await connect(service.target)
    const fresh = await connect(service.target)
    for (const connection of [speaker, silent]) expect((await ask(connection, '/')).keepAlive).toBe(true)

    const from = performance.now()
    await terminate(service)
    await speaker.quiet(lingerMs / 6)
    expect(await ask(speaker, '/')).toMatchObject({ status: 200, keepAlive: false })
    for (const connection of [silent, fresh]) expect(await connection.closed).toMatchObject({ how: 'end' })
    expect(performance.now() - from).toBeGreaterThan(lingerMs * 0.9)
    expect(await service.exitOf(service.pid)).toMatchObject({ code: 0 })
    expect(performance.now() - from).toBeLessThan(drainTimeoutMs)
  })

  test('C47: at SIGTERM readiness fails at once; the service keeps serving for shutdownDelayMs, drains, runs its hooks in order and exits with 0', async () => {
    const service = await start(
      { shutdownDelayMs: 5000, health: { liveness: '/livez', readiness: '/readyz' } },
      {
        hooks: [
          { name: 'first', ms: 60 },
          { name: 'second', ms: 0 },
        ],
      },
    )
    const kept = await connect(service.target)
    const ready = await ask(kept, '/readyz')
    expect([ready.status, JSON.parse(ready.text)]).toEqual([
      200,
      { status: 'ready', state: 'ready', generation: 1 },
    ])

    await terminate(service)
    for (const answer of [await ask(kept, '/readyz'), await askOnce(service.target, '/readyz')]) {
      expect(answer).toMatchObject({ status: 503, keepAlive: true })
      expect(answer.headers.get('content-type')).toMatch(/^application\/json/)
      expect(JSON.parse(answer.text)).toEqual({ status: 'not ready', state: 'draining', generation: 1 })
    }
    expect(await askOnce(service.target, '/livez')).toMatchObject({ status: 200 })
    expect(await askOnce(service.target, '/')).toMatchObject({ status: 200, keepAlive: true, text: 'ok' })

    const held = gate()
    await kept.write(get(held.path))
    await until('no connection is accepted', () => isRefused(service.target))
    expect(service.facts.filter(({ event }) => event === 'hook')).toEqual([])
    held.open()
    expect(await kept.response()).toMatchObject({ status: 200, keepAlive: false })
    expect(await service.exitOf(service.pid)).toMatchObject({ code: 0 })
    await service.event(({ event, name }) => event === 'hook' && name === 'second')
    const told = service.facts.filter(({ event }) => event === 'report' || event === 'hook')
    expect(told.map(({ event, name }) => name ?? event)).toEqual(['report', 'first', 'second'])
  })

  test('C47: a second signal cuts the shutdown short: exit code 1, and the report names what was cut', async () => {
    const service = await start({})
    const connection = await connect(service.target)
    await connection.write(get(gate().path))
    await until(
      'the request is in flight',
      async () => (await stateOf(service.target)).connections.inFlight === 2,
    )
    await terminate(service)
    service.signal('SIGTERM')
    expect(await service.exitOf(service.pid)).toMatchObject({ code: 1 })
    expect(await service.line(/cut short/)).toMatch(/cut short: 1 connection cut: GET \/held/)
    await connection.closed
  })

  test('C47: a hook that hangs times out at hookTimeoutMs; the other hooks still run, and the exit code is 1', async () => {
    const service = await start(
      { hookTimeoutMs: 300 },
      {
        hooks: [
          { name: 'stuck', ms: 60_000 },
          { name: 'second', ms: 0 },
        ],
      },
    )
    service.signal('SIGTERM')
    expect(await service.exitOf(service.pid)).toMatchObject({ code: 1 })
    await service.line(/onDrained hook \d failed: .*timed out after 300 ms/)
    const told = await service.event('hook')
    expect(told.name).toBe('second')
  })

  test('C47: readiness stays 200 through a reload, even in the draining predecessor', async () => {
    const service = await start({
      probationMs: 200,
      moveConnections: false,
      health: { readiness: '/readyz' },
    })
    const kept = await connect(service.target)
    const statuses = [(await ask(kept, '/readyz')).status]
    const over = new AbortController()
    const reload = service.reload().finally(() => over.abort())
    while (!over.signal.aborted) statuses.push((await askOnce(service.target, '/readyz')).status)
    await reload
    const last = await ask(kept, '/readyz')
    expect(JSON.parse(last.text)).toEqual({ status: 'ready', state: 'draining', generation: 1 })
    expect(new Set([...statuses, last.status])).toEqual(new Set([200]))
  })
})
