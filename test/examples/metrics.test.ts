// The metrics of examples/metrics have the values of the published reports.
import { existsSync } from 'node:fs'
import http from 'node:http'
import { join } from 'node:path'
import {
  keepAlive,
  mixedLoad,
  newConnections,
  RawConnection,
  slowRequests,
  Tally,
  type Target,
} from '@handover/load'
import { expect, onTestFinished, test } from 'vitest'
import {
  expectedCounts,
  failToReload,
  published,
  type Samples,
  scrape,
  startExporter,
  startServer,
  startWorkers,
} from '../support/metrics.js'
import type { Service } from '../support/service.js'
import { rollWorkers } from '../support/supervised.js'
import { tempDir } from '../support/temp-dir.js'
import { until } from '../support/until.js'

/** Keeps clients busy until `stop`, which resolves with the failures. */
function startLoad({ target }: Service) {
  const [tally, over] = [new Tally(), new AbortController()]
  const answer = /^\{"generation":\d+,"pid":\d+\}$/
  const think = { minMs: 0, maxMs: 50 }
  const workloads = [
    newConnections({ clients: 2, answer }),
    keepAlive({ clients: 8, answer, think }),
    slowRequests({ clients: 2, ms: 300, answer }),
  ]
  const load = mixedLoad(target, { tally, signal: over.signal, workloads })
  return async () => {
    over.abort()
    return (await load).failures
  }
}

/** Without the buckets, because the sum and the count show that each value was observed. */
const withoutBuckets = (samples: Samples) =>
  Object.fromEntries([...samples].filter(([name]) => !name.includes('_bucket')))

const closeTo = (counts: Record<string, number>) =>
  Object.fromEntries(Object.entries(counts).map(([name, value]) => [name, expect.closeTo(value, 6)]))

test('prometheus.mjs: the successor continues the counts of all generations under load, after good and failed reloads', async () => {
  const { service, breakRelease, repairRelease } = await startServer()
  const stop = startLoad(service)
  for (const generation of [2, 3]) {
    const { from } = await service.reload()
    await service.exitOf(from.pid)
    expect((await scrape(service.target)).get('handover_generation')).toBe(generation)
    breakRelease()
    await failToReload(service)
    repairRelease()
  }
  const { failed, finished, handedOver } = published(service)
  expect([failed.length, finished.length, handedOver.length]).toEqual([2, 2, 2])
  const counts = expectedCounts(
    [...finished.map(({ reload }) => reload ?? expect.fail()), ...failed],
    finished.map(({ drain }) => drain),
  )
  expect(counts['handover_drained_connections_total{outcome="moved"}']).toBeGreaterThan(0)
  const samples = await scrape(service.target)
  expect(withoutBuckets(samples)).toEqual({
    ...closeTo(counts),
    handover_generation: 3,
    'handover_processes{state="ready"}': 1,
    handover_in_flight_requests: expect.any(Number),
  })
  expect(await stop()).toEqual([])
  await expectInFlight(service.target, service.target, 'with the scrape')

  const { pid } = service.serving
  service.signal('SIGTERM')
  await service.exitOf(pid)
})

interface DataPoint {
  readonly asInt?: number
  readonly asDouble?: number
  readonly sum?: number
  readonly count?: number
  readonly attributes: readonly { readonly key: string; readonly value: { readonly stringValue: string } }[]
}
interface Metric {
  readonly name: string
  readonly unit: string
  readonly gauge?: { readonly dataPoints: readonly DataPoint[] }
  readonly sum?: { readonly dataPoints: readonly DataPoint[] }
  readonly histogram?: { readonly dataPoints: readonly DataPoint[] }
}

/** A collector that keeps the latest values of each instance, with the names that Prometheus gives them. */
async function startCollector() {
  const instances = new Map<string, Map<string, number>>()
  const collector = http.createServer(async (request, response) => {
    let body = ''
    for await (const chunk of request) body += chunk
    for (const { resource, scopeMetrics } of JSON.parse(body).resourceMetrics) {
      const id = resource.attributes.find(({ key }: { key: string }) => key === 'service.instance.id')
      const metrics: Metric[] = scopeMetrics.flatMap(({ metrics }: { metrics: Metric[] }) => metrics)
      instances.set(id.value.stringValue, new Map(metrics.flatMap(promSamples)))
    }
    response.setHeader('content-type', 'application/json').end('{}')
  })
  await new Promise<void>((resolve) => collector.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => void collector.close())
  return { instances, url: `http://127.0.0.1:${(collector.address() as { port: number }).port}` }
}

/** The samples of a metric, with the name that Prometheus gives it. */
function promSamples({ name, unit, gauge, sum, histogram }: Metric): [string, number][] {
  const base = `${name.replaceAll('.', '_')}${unit === 's' ? '_seconds' : ''}${sum ? '_total' : ''}`
  return (
    (gauge ?? sum ?? histogram)?.dataPoints.flatMap((point): [string, number][] => {
      const pairs = point.attributes.map(({ key, value }) => `${key}="${value.stringValue}"`)
      const labels = pairs.length > 0 ? `{${pairs}}` : ''
      if (!histogram) return [[base + labels, point.asInt ?? point.asDouble ?? Number.NaN]]
      return [
        [`${base}_sum${labels}`, point.sum ?? Number.NaN],
        [`${base}_count${labels}`, point.count ?? Number.NaN],
      ]
    }) ?? []
  )
}

test('opentelemetry.mjs: the counts of all generations add up to their reports, even after a shutdown under load', async () => {
  const { instances, url } = await startCollector()
  const { service, breakRelease, repairRelease } = await startServer({
    OTEL_EXPORTER_OTLP_ENDPOINT: url,
    OTEL_METRIC_EXPORT_INTERVAL: '200',
  })
  const stop = startLoad(service)
  const { from } = await service.reload()
  await service.exitOf(from.pid)
  breakRelease()
  await failToReload(service)
  repairRelease()
  const exported = (name: string) => [...instances.values()].flatMap((values) => values.get(name) ?? [])
  await until('generation 2 exports', () => exported('handover_generation').includes(2))
  await until(
    'requests in flight are exported',
    () => Math.max(...exported('handover_in_flight_requests')) >= 2,
  )
  // An earlier export can have met the failed reload.
  await until('generation 2 exports that it is ready', () =>
    exported('handover_processes{state="ready"}').includes(1),
  )
  expect(await stop()).toEqual([])

  const stopLater = startLoad(service)
  const inFlight = async () => (await scrape(service.target)).get('handover_in_flight_requests') ?? 0
  await until('clients are served at the shutdown', async () => (await inFlight()) > 2)
  const { pid } = service.serving
  service.signal('SIGTERM')
  await service.exitOf(pid)

  await stopLater()
  await until('both generations have reported', () => published(service).final.length === 2)
  const { failed, final } = published(service)
  expect(failed).toHaveLength(1)
  expect(final[1]?.drain.open).toBeGreaterThan(0)
  const counts = expectedCounts(
    [...final.flatMap(({ reload }) => reload ?? []), ...failed],
    final.map(({ drain }) => drain),
  )
  const totals: Record<string, number> = {}
  for (const [name, value] of [...instances.values()].flatMap((values) => [...values]))
    if (!/generation|processes|in_flight/.test(name)) totals[name] = (totals[name] ?? 0) + value
  expect(totals).toEqual(closeTo(counts))
})

test('exporter.mjs: the metrics add up the workers of handover run', async () => {
  const { service, exporter, breakRelease } = await startWorkers()
  const stop = startLoad(service)
  const exported = async (name: string) => (await scrape(exporter.target)).get(name)
  await rollWorkers(service, 2)
  const drains = 'handover_phase_duration_seconds_count{phase="draining"}'
  await until('the exporter has both drains', async () => (await exported(drains)) === 2)
  breakRelease()
  await failToReload(service, service.pid)
  await until('both workers have published their drains', () => published(service).finished.length === 2)
  const { failed, finished } = published(service)
  const counts = expectedCounts(
    [...finished.flatMap(({ reload }) => reload ?? []), ...failed],
    finished.map(({ drain }) => drain),
  )
  const failures = 'handover_reloads_total{outcome="failed"}'
  await until('the exporter has the failed reload', async () => (await exported(failures)) === 1)
  const ready = 'handover_processes{state="ready"}'
  await until('both workers are ready again', async () => (await exported(ready)) === 2)
  expect(withoutBuckets(await scrape(exporter.target))).toEqual({
    ...closeTo(counts),
    handover_generation: 2,
    'handover_processes{state="ready"}': 2,
    handover_in_flight_requests: expect.any(Number),
  })
  expect(counts.handover_spawn_duration_seconds_count).toBe(0)
  expect(await stop()).toEqual([])
  await expectInFlight(service.target, exporter.target, 'without the scrape')

  service.signal('SIGTERM', service.pid)
  await service.exitOf(service.pid)
  expect(await exporter.exitOf(exporter.pid)).toMatchObject({ code: 1 })
})

test('exporter.mjs: follows a service with one process to its successors', async () => {
  const control = join(tempDir(), 'control.sock')
  const { service } = await startServer({ HANDOVER_CONTROL: control })
  await until('the control socket exists', () => existsSync(control))
  const exporter = await startExporter(control, 1)
  for (const generation of [2, 3]) {
    const { from } = await service.reload()
    await service.exitOf(from.pid)
    const exported = async () => (await scrape(exporter.target)).get('handover_generation')
    await until('the exporter has the next generation', async () => (await exported()) === generation)
  }
  await until('both drains are published', () => published(service).finished.length === 2)
  const { finished } = published(service)
  const counts = expectedCounts(
    finished.flatMap(({ reload }) => reload ?? []),
    finished.map(({ drain }) => drain),
  )
  expect(counts['handover_reloads_total{outcome="handed-over"}']).toBe(2)
  const samples = async () => withoutBuckets(await scrape(exporter.target))
  const drains = 'handover_phase_duration_seconds_count{phase="draining"}'
  await until('the exporter has both drains', async () => (await samples())[drains] === 2)
  expect(await samples()).toMatchObject({ ...closeTo(counts), 'handover_processes{state="ready"}': 1 })

  const { pid } = service.serving
  service.signal('SIGTERM')
  await service.exitOf(pid)
  expect(await exporter.exitOf(exporter.pid)).toMatchObject({ code: 1 })
})

/** Sends two requests to a service whose clients leave without a response. Expects that the metric counts them. */
async function expectInFlight(service: Target, scraped: Target, how: `with${'' | 'out'} the scrape`) {
  const busy = [await RawConnection.connect(service), await RawConnection.connect(service)]
  for (const connection of busy) {
    onTestFinished(() => connection.close())
    await connection.write('GET /?ms=60000 HTTP/1.1\r\nHost: test\r\n\r\n')
  }
  const inFlight = async () => (await scrape(scraped)).get('handover_in_flight_requests')
  const expected = how === 'with the scrape' ? 3 : 2
  await until('the slow requests are in flight', async () => (await inFlight()) === expected)
  for (const connection of busy) connection.close()
}
