import { describe, expect, test } from 'vitest'
import { ask, connect, gate, get, stateOf } from '../support/http.js'
import { finalReports } from '../support/reports.js'
import { type Service, startService } from '../support/service.js'
import { until } from '../support/until.js'
import { frameworks } from './frameworks.js'

/** From the last thing that kept a drain to the end of the process, as that itself sees it. */
const promisedMs = 250
/** Beside the limit, for a machine that is busy. Less than Node's own keep-alive limit. */
const busyMs = 2000

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
    'C45: after a %s the drain says every second what keeps it, and ends with the last thing that did',
    async (_, leave) => {
      const service = await start({ drainTimeoutMs: 20_000 })
      const [connection, idle] = [await connect(service.target), await connect(service.target)]
      await ask(idle, '/')
      const held = gate()
      await connection.write(get(held.path))
      await until('it is in flight', async () => (await stateOf(service.target)).connections.inFlight === 2)

      await leave(service)
      const said = await service.line(/draining: \d connections? open/)
      expect(said).toMatch(/draining: [12] connections? open; waits for GET \/held \(http1, \d+ ms\)/)
      await service.line(/draining: \d connections? open.* [2-9]\d{3} ms/)
      idle.close()
      held.open()
      expect(await connection.response()).toMatchObject({ status: 200, keepAlive: false })
      expect(await service.exitOf(service.pid)).toMatchObject({ code: 0 })
      expect((await service.event('gone')).msSinceAnswer).toBeLessThan(promisedMs)
    },
  )

  test('a predecessor that still drains leaves when it gets a SIGTERM: its idle connections have lingerMs, its requests end', async () => {
    const service = await start({ drainTimeoutMs: 20_000 })
    const [busy, idle] = [await connect(service.target), await connect(service.target)]
    await ask(idle, '/')
    const held = gate()
    await busy.write(get(held.path))
    await until('it is in flight', async () => (await stateOf(service.target)).connections.inFlight === 2)
    const { from } = await service.reload()
    service.signal('SIGTERM', from.pid)
    expect(await idle.closed).toMatchObject({ how: 'end' })
    held.open()
    expect(await busy.response()).toMatchObject({ status: 200, keepAlive: false })
    expect(await service.exitOf(from.pid)).toMatchObject({ code: 0 })
    expect((await stateOf(service.target)).generation).toBe(2)
  })

  test.each(leaving)(
    'C46: after a %s the process is gone at drainTimeoutMs whatever is open, and has logged what it cut',
    async (_, leave) => {
      const service = await start({ drainTimeoutMs: 800 })
      const [stuck, header, body, idle] = await Promise.all([1, 2, 3, 4].map(() => connect(service.target)))
      await stuck?.write(get(gate().path))
      await header?.write('GET / HTTP/1.1\r\nHos')
      await body?.write('POST /upload HTTP/1.1\r\nHost: test\r\nContent-Length: 8\r\n\r\nhalf')
      if (idle) await ask(idle, '/')
      await until('all is begun', async () => (await stateOf(service.target)).connections.http1.busy === 4)

      await leave(service)
      expect(await service.exitOf(service.pid)).toMatchObject({ code: 1 })
      const [report] = await finalReports(service, 1)
      expect(report?.drain).toMatchObject({ open: 4, closed: 1, timedOut: true })
      expect(report?.drain.ms).toBeGreaterThanOrEqual(790)
      expect(report?.drain.ms).toBeLessThan(800 + busyMs)
      expect(report?.drain.cut.map(({ what }) => what).sort()).toEqual([
        'GET /held',
        'POST /upload',
        'an idle or half-received request',
      ])
      expect(await service.line(/wait timeout/)).toMatch(/wait timeout: 3 connections cut: .*GET \/held/)
    },
  )
})
