import { mixedLoad, Tally } from '@handover/load'
import { describe, expect, test } from 'vitest'
import { finalReports } from '../support/reports.js'
import { startService } from '../support/service.js'
import { until } from '../support/until.js'
import { frameworks } from './frameworks.js'

const reloads = 20
const drainTimeoutMs = 30_000

describe.each(frameworks)('$name', ({ fixture }) => {
  test(`C35, C36, C48: ${reloads} reloads under every kind of load cost no request, and all are counted`, async () => {
    const service = await startService(fixture, {
      config: { graceful: { probationMs: 150, drainTimeoutMs } },
    })
    const over = new AbortController()
    const tally = new Tally()
    const load = mixedLoad(service.target, { tally, signal: over.signal })
    for (let generation = 2; generation <= reloads + 1; generation++) {
      const { from, to } = await service.reload()
      expect([from.generation, to.generation]).toEqual([generation - 1, generation])
      await until(`generation ${generation} serves`, () => tally.servedBy.has(generation))
    }
    over.abort()
    const { failures, servedBy } = await load
    expect(failures).toEqual([])

    // Every predecessor ended by itself, when its last request was answered, and its count is that of the clients.
    const reports = await finalReports(service, reloads)
    expect(reports.map(({ drain }) => drain)).toEqual(
      reports.map(() => expect.objectContaining({ because: 'handed-over', timedOut: false, cut: [] })),
    )
    expect(Math.max(...reports.map(({ drain }) => drain.ms))).toBeLessThan(drainTimeoutMs / 2)
    for (const { pid, generation, requests } of reports) {
      expect(requests, `requests of generation ${generation}`).toBe(servedBy.get(generation))
      await service.exitOf(pid)
    }
  })
})
