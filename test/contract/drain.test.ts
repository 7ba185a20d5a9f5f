import { describe, expect, test } from 'vitest'
import { ask, connect, gate, get, stateOf } from '../support/http.js'
import { finalReports } from '../support/reports.js'
import { type Service, startService } from '../support/service.js'
import { until } from '../support/until.js'
import { frameworks } from './frameworks.js'

/** From the end of the last open work to the end of the process, as the process measures it. */
const promisedMs = 250
/** Tolerance for a busy machine. Together with the limit it is less than Node's keep-alive timeout. */
const busyMs = 4000

const leaving = [
  ['reload', (service: Service) => service.reload()],
  ['shutdown', async (service: Service) => service.signal('SIGTERM')],
] as const

describe.each(frameworks)('$name', ({ fixture }) => {
  const start = (graceful: object) =>
    startService(fixture, {
      config: {
        stopwatch: true,
        graceful: { moveConnections: false, probationMs: 50, lingerMs: 200, ...graceful },
      },
    })

  test.each(leaving)(
    'C45: after a %s the drain logs every second what holds it, and ends with the last open work',
    async (_, leave) => {
      const service = await start({ drainTimeoutMs: 20_000 })
      const [connection, idle] = [await connect(service.target), await connect(service.target)]
      await ask(idle, '/')
      const held = gate()
      await connection.write(get(held.path))
      await until(
        'the request is in flight',
        async () => (await stateOf(service.target)).connections.inFlight === 2,
      )

      await leave(service)
      const said = await service.line(/draining: \d connections? open/)
      expect(said).toMatch(/draining: [12] connections? open; waiting for GET \/held \(http1, \d+ ms\)/)
      await service.line(/draining: \d connections? open.* [2-9]\d{3} ms/)
      idle.close()
      held.open()
      expect(await connection.response()).toMatchObject({ status: 200, keepAlive: false })
      expect(await service.exitOf(service.pid)).toMatchObject({ code: 0 })
      expect((await service.event('gone')).msSinceAnswer).toBeLessThan(promisedMs)
    },
  )

  test('a draining predecessor exits after a SIGTERM: requests finish, and idle connections have lingerMs', async () => {
    const service = await start({ drainTimeoutMs: 20_000 })
    const [busy, idle] = [await connect(service.target), await connect(service.target)]
    await ask(idle, '/')
    const held = gate()
    await busy.write(get(held.path))
    await until(
      'the request is in flight',
      async () => (await stateOf(service.target)).connections.inFlight === 2,
    )
    const { from } = await service.reload()
    service.signal('SIGTERM', from.pid)
    expect(await idle.closed).toMatchObject({ how: 'end' })
    held.open()
    expect(await busy.response()).toMatchObject({ status: 200, keepAlive: false })
    expect(await service.exitOf(from.pid)).toMatchObject({ code: 0 })
    expect((await stateOf(service.target)).generation).toBe(2)
  })

  test.each(leaving)(
    'C46: after a %s the process exits at drainTimeoutMs, whatever is open, and logs what it cut',
    async (_, leave) => {
      const service = await start({ drainTimeoutMs: 800 })
      const [stuck, header, body, idle] = await Promise.all([1, 2, 3, 4].map(() => connect(service.target)))
      await stuck?.write(get(gate().path))
      await header?.write('GET / HTTP/1.1\r\nHos')
      await body?.write('POST /upload HTTP/1.1\r\nHost: test\r\nContent-Length: 8\r\n\r\nhalf')
      if (idle) await ask(idle, '/')
      await until(
        'all requests have started',
        async () => (await stateOf(service.target)).connections.http1.busy === 4,
      )

      await leave(service)
      expect(await service.exitOf(service.pid)).toMatchObject({ code: 1 })
      const [report] = await finalReports(service, 1)
      expect(report?.drain).toMatchObject({ open: 4, closed: 1, timedOut: true })
      expect(report?.drain.ms).toBeGreaterThanOrEqual(790)
      expect(report?.drain.ms).toBeLessThan(800 + busyMs)
      expect(report?.drain.cut.map(({ what }) => what).sort()).toEqual([
        'GET /held',
        'POST /upload',
        'an idle connection or a partial request',
      ])
      expect(await service.line(/drain timed out/)).toMatch(
        /drain timed out: 3 connections cut: .*GET \/held/,
      )
    },
  )
})
