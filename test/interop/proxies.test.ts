import { keepAlive, mixedLoad, Tally, type Target, type TcpTarget } from '@handover/load'
import { expect, test } from 'vitest'
import { askOnce, gate } from '../support/http.js'
import { type RunningProxy, startHaproxy, startNginx } from '../support/proxies.js'
import { finalReports } from '../support/reports.js'
import { type Service, startService } from '../support/service.js'
import { clientPortsOf } from '../support/sockets.js'
import { until } from '../support/until.js'

const reloads = 5
const clients = 12
const graceful = { probationMs: 50 }
const portOf = (service: Service) => (service.target as TcpTarget).port

/** Sends one request per client at once, so that the proxy opens and keeps a connection for each. */
async function warmUp(target: Target, port: number): Promise<readonly number[]> {
  const held = gate()
  const answers = Array.from({ length: clients }, () => askOnce(target, held.path))
  await until('every request has a connection', () => clientPortsOf(port).length === clients)
  held.open()
  await Promise.all(answers)
  return clientPortsOf(port)
}

/** Runs keep-alive clients of the proxy through all reloads, until every generation has served. */
async function loadThroughReloads(proxy: RunningProxy, service: Service): Promise<void> {
  const over = new AbortController()
  const tally = new Tally()
  const load = mixedLoad(proxy.target, {
    workloads: [keepAlive({ clients, think: { minMs: 0, maxMs: 20 } })],
    tally,
    signal: over.signal,
  })
  for (let generation = 2; generation <= reloads + 1; generation++) {
    await service.reload()
    await until(`generation ${generation} serves`, () => tally.servedBy.has(generation))
  }
  over.abort()
  expect((await load).failures).toEqual([])
}

test.each([
  { name: 'nginx', start: startNginx },
  { name: 'HAProxy', start: startHaproxy('h1') },
])(
  'C36: $name as a proxy sees no error and keeps its connections to the service through five reloads',
  async ({ start }) => {
    const service = await startService('http.mjs', {
      config: { graceful, server: { keepAliveTimeout: 600_000 } },
    })
    const proxy = await start(portOf(service))
    const connections = await warmUp(proxy.target, portOf(service))
    await loadThroughReloads(proxy, service)
    expect(proxy.complaints()).toEqual([])
    expect(clientPortsOf(portOf(service))).toEqual(connections)
    for (const { drain } of await finalReports(service, reloads)) {
      expect(drain).toMatchObject({ moved: clients, closed: 0, lost: 0, cut: [] })
    }
  },
)

test('C41: HAProxy with HTTP/2 to the service sees no error through five reloads', async () => {
  const service = await startService('http2.mjs', { config: { graceful } })
  const proxy = await startHaproxy('h2')(portOf(service))
  await loadThroughReloads(proxy, service)
  expect(proxy.complaints()).toEqual([])
  for (const { drain } of await finalReports(service, reloads)) {
    expect(drain).toMatchObject({ lost: 0, cut: [], timedOut: false })
  }
})
