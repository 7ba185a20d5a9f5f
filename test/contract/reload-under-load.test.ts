import { everyWorkload } from '@handover/load'
import { describe, expect, test, vi } from 'vitest'
import { longestMs, reloadUnder } from '../support/reload-under.js'
import { startService } from '../support/service.js'
import { frameworks } from './frameworks.js'

vi.setConfig({ testTimeout: longestMs })

const reloads = 20
const graceful = { probationMs: 150, drainTimeoutMs: 60_000 }

describe.each(frameworks)('$name', ({ fixture }) => {
  test(`C35, C36, C48: ${reloads} reloads under every kind of load cost no request, and all are counted`, async () => {
    const service = await startService(fixture, { config: { graceful } })
    const { reports, servedBy } = await reloadUnder(service, reloads, [[service.target, everyWorkload()]])
    expect(servedBy.size).toBe(reloads + 1)
    for (const { generation, requests, drain } of reports) {
      expect(requests, `requests of generation ${generation}`).toBe(servedBy.get(generation))
      // It ended with its last request, which takes 2 seconds, and not at a limit.
      expect(drain.ms).toBeLessThan(graceful.drainTimeoutMs / 2)
    }
  })
})
