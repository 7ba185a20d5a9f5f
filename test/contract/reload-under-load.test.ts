import { everyWorkload } from '@handover/load'
import { describe, expect, test, vi } from 'vitest'
import { longestMs, reloadUnder } from '../support/reload-under.js'
import { startService } from '../support/service.js'
import { frameworks } from './frameworks.js'

vi.setConfig({ testTimeout: longestMs })

/** Moving is the default; the polite drain takes as long as a client thinks, each time. */
const ways = [
  { way: 'connections move', reloads: 20, options: {} },
  { way: 'connections end politely', reloads: 5, options: { moveConnections: false } },
]

describe.each(frameworks)('$name', ({ fixture }) => {
  test.each(ways)(
    'C35, C36, C48: $reloads reloads under every kind of load cost no request, and all are counted; $way',
    async ({ reloads, options }) => {
      const graceful = { probationMs: 150, drainTimeoutMs: 60_000, ...options }
      const service = await startService(fixture, { config: { graceful } })
      const { reports, servedBy } = await reloadUnder(service, reloads, [[service.target, everyWorkload()]])
      expect(servedBy.size).toBe(reloads + 1)
      for (const { generation, requests, drain } of reports) {
        expect(requests, `requests of generation ${generation}`).toBe(servedBy.get(generation))
        // It ended with its last request, which takes 2 seconds, and not at a limit.
        expect(drain.ms).toBeLessThan(graceful.drainTimeoutMs / 2)
        // Those that came in time to be drained went one way, and only that one, or were left by their clients.
        if (graceful.moveConnections === false) expect(drain.moved).toBe(0)
        else expect(drain.moved).toBeGreaterThan(0)
      }
    },
  )
})
