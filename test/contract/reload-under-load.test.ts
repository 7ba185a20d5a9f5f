import { everyWorkload } from '@handover/load'
import { describe, expect, test, vi } from 'vitest'
import { longestMs, reloadUnder } from '../support/reload-under.js'
import { startService } from '../support/service.js'
import { frameworks } from './frameworks.js'

vi.setConfig({ testTimeout: longestMs })

const movingReloads = 20
/** Fewer reloads: each polite drain takes as long as a client waits between two requests. */
const politeReloads = 3

describe.each(frameworks)('$name', ({ fixture }) => {
  test.each([
    ['connections move', movingReloads, {}],
    ['connections end politely', politeReloads, { moveConnections: false }],
  ])(
    'C35, C36, C48: under every kind of load, reloads fail no request and the reports count all of them (%s)',
    async (_, reloads, options) => {
      const graceful = { probationMs: 150, drainTimeoutMs: 60_000, ...options }
      const service = await startService(fixture, { config: { graceful } })
      const { reports, servedBy } = await reloadUnder(service, reloads, [[service.target, everyWorkload()]])
      expect(servedBy.size).toBe(reloads + 1)
      for (const { generation, requests, drain } of reports) {
        expect(requests, `requests of generation ${generation}`).toBe(servedBy.get(generation))
        // The drain ends with its last request, which takes 2 seconds, and not at a limit.
        expect(drain.ms).toBeLessThan(graceful.drainTimeoutMs / 2)
        expect(drain.moved > 0).toBe(reloads === movingReloads)
      }
    },
  )
})
