// The oldest versions that the adapters support. The contract for every framework is in test/contract.
import { everyWorkload } from '@handover/load'
import { expect, test, vi } from 'vitest'
import { stateOf } from '../support/http.js'
import { longestMs, reloadUnder } from '../support/reload-under.js'
import { startService } from '../support/service.js'

vi.setConfig({ testTimeout: longestMs })

test.each([
  ['Express 4.18', 'express.mjs', 'express-4'],
  ['Koa 2', 'koa.mjs', 'koa-2'],
])(
  '%s: five reloads under every kind of load fail no request, and a shutdown drains',
  async (_, fixture, framework) => {
    const graceful = { probationMs: 150, drainTimeoutMs: 60_000 }
    const service = await startService(fixture, { config: { graceful, framework } })
    const { reports } = await reloadUnder(service, 5, [[service.target, everyWorkload()]])
    for (const { drain } of reports) expect(drain.moved).toBeGreaterThan(0)
    const { pid } = await stateOf(service.target)
    service.signal('SIGTERM')
    expect(await service.event((fact) => fact.event === 'report' && fact.pid === pid)).toMatchObject({
      report: { drain: { because: 'shutdown', cut: [] } },
    })
    await service.exitOf(pid)
  },
)
