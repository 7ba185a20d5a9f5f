// A real Prometheus scrapes examples/metrics through reloads, and answers the queries of the dashboard.
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { read } from '../docs/pages.js'
import { freePort } from '../support/free-port.js'
import { failToReload, startServer, startWorkers } from '../support/metrics.js'
import { Program } from '../support/programs.js'
import { dashboard, queriesOf } from '../support/promql.js'
import type { Service } from '../support/service.js'
import { rollWorkers } from '../support/supervised.js'
import { tempDir } from '../support/temp-dir.js'
import { until } from '../support/until.js'

const portOf = ({ target }: Service) => ('port' in target ? target.port : 0)

/** Starts Prometheus with the file of the example. Resolves with a function that queries it. */
async function startPrometheus(app: Service, exporter: Service) {
  const [folder, port] = [tempDir(), await freePort()]
  const config = read('examples/metrics/prometheus.yml')
    .replace('localhost:3000', `127.0.0.1:${portOf(app)}`)
    .replace('localhost:9464', `127.0.0.1:${portOf(exporter)}`)
  writeFileSync(join(folder, 'prometheus.yml'), `global: { scrape_interval: 1s }\n${config}`)
  const files = [
    `--config.file=${join(folder, 'prometheus.yml')}`,
    `--storage.tsdb.path=${join(folder, 'data')}`,
  ]
  const prometheus = new Program('prometheus', [...files, `--web.listen-address=127.0.0.1:${port}`])
  await prometheus.printed(/ready to receive web requests/)
  return async (query: string): Promise<number[]> => {
    const url = `http://127.0.0.1:${port}/api/v1/query?query=${encodeURIComponent(query)}`
    const { data, error } = (await (await fetch(url)).json()) as { data?: Answer; error?: string }
    if (!data) throw new Error(`${query}: ${error}`)
    return data.result.map(({ value: [, value] }) => Number(value))
  }
}

interface Answer {
  readonly result: readonly { readonly value: readonly [time: number, value: string] }[]
}

test('Prometheus counts each reload and sees no reset of a counter', async () => {
  const { service, breakRelease, repairRelease } = await startServer()
  const { service: workers, exporter } = await startWorkers()
  const query = await startPrometheus(service, exporter)
  const series = 'handover_reloads_total'
  await until('both jobs were scraped', async () => (await query(`${series} == 0`)).length === 4)

  for (const _ of [1, 2, 3]) {
    const { from } = await service.reload()
    await service.exitOf(from.pid)
  }
  breakRelease()
  await failToReload(service)
  repairRelease()
  await rollWorkers(workers, 2)
  const scraped = async () =>
    (await query(`sum(${series})`))[0] === 6 &&
    (await query('sum(handover_phase_duration_seconds_count)'))[0] === 16
  await until('the reloads and drains were scraped', scraped)

  expect(await query(`resets(${series}[5m])`)).toEqual([0, 0, 0, 0])
  for (const [selector, count] of [
    ['job="app", outcome="handed-over"', 3],
    ['job="app", outcome="failed"', 1],
    ['job="workers", outcome="handed-over"', 2],
    ['job="workers", outcome="failed"', 0],
  ] as const) {
    // Prometheus extrapolates to the ends of the range.
    const [increase = Number.NaN] = await query(`increase(${series}{${selector}}[5m])`)
    expect(Math.abs(increase - count), selector).toBeLessThan(0.5)
  }
  for (const job of ['app', 'workers']) {
    for (const each of queriesOf(dashboard(), job)) {
      const values = await query(each)
      expect(values, each).not.toEqual([])
      // Under handover run nothing blocks: there is no stall whose quantile Prometheus could compute.
      if (job === 'app' || !each.includes('spawn')) expect(values.filter(Number.isNaN), each).toEqual([])
    }
  }
  workers.signal('SIGTERM', workers.pid)
})
