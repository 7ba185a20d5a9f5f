// maxDraining: when too many generations drain, the oldest ends its drain early and the others finish their work.
import { expect, test } from 'vitest'
import { ask, connect, gate, get } from '../support/http.js'
import { finalReports } from '../support/reports.js'
import { type Service, startService } from '../support/service.js'
import { rollWorkers, startRun } from '../support/supervised.js'
import { until } from '../support/until.js'

const config = { graceful: { probationMs: 20, maxDraining: 2, drainTimeoutMs: 60_000, lingerMs: 0 } }

const kinds = [
  ['one process', () => startService('http.mjs', { config }), (service: Service) => service.reload()],
  ['handover run', () => startRun('http.mjs', { config }), (service: Service) => rollWorkers(service)],
] as const

test.each(kinds)(
  '%s: the oldest draining generation cuts its drain short and reports why; the others finish',
  async (_, start, reload) => {
    const service = await start()
    const generations = []
    for (let i = 0; i < 3; i++) {
      const { pid } = service.serving
      const connection = await connect(service.target)
      const held = gate()
      // The response on the same connection shows which process has it.
      expect((await ask(connection, '/')).headers.get('x-pid')).toBe(String(pid))
      await connection.write(get(held.path))
      const state = await connect(service.target)
      await until(
        'the request is in flight',
        async () => JSON.parse((await ask(state, '/state')).text).connections.inFlight === 2,
      )
      state.close()
      generations.push({ pid, connection, held })
      await reload(service)
    }
    const [oldest, ...others] = generations
    if (!oldest) throw new Error('no generation drains')
    await oldest.connection.closed
    await service.exitOf(oldest.pid)
    const reports = await finalReports(service, 1)
    expect(reports[0]).toMatchObject({
      generation: 1,
      drain: { cutShortBy: 'max-draining', cut: [{ what: expect.stringMatching(/^GET \/held/) }] },
    })
    await service.line(
      /3 generations drain, more than maxDraining \(2\): ending the drain of generation 1 \(process \d+\) now/,
    )
    await service.line(/too many generations drain \(maxDraining\): cutting the drain short/)

    for (const { connection, held, pid } of others) {
      held.open()
      expect(await connection.response()).toMatchObject({ status: 200, text: 'ok' })
      await service.exitOf(pid)
    }
    expect((await finalReports(service, 3)).slice(1)).toEqual([
      expect.objectContaining({ drain: expect.not.objectContaining({ cutShortBy: expect.anything() }) }),
      expect.objectContaining({ drain: expect.not.objectContaining({ cutShortBy: expect.anything() }) }),
    ])
  },
)
