// Runs examples/metrics, and computes from the published reports which metrics to expect.
import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { FinalReport, ReloadReport } from '@handover/core'
import type { Target } from '@handover/load'
import { examples, readExampleLine } from './examples.js'
import { isReady } from './generations.js'
import { askOnce } from './http.js'
import { launchService, type Service, testNode } from './service.js'
import type { Fact, ReadLine } from './story.js'
import { startRun } from './supervised.js'
import { tempDir } from './temp-dir.js'
import { until } from './until.js'

const program = (name: string) => new URL(`metrics/${name}`, examples).href

/** The values of a scrape by their names and labels: `handover_reloads_total{outcome="failed"}`. */
export type Samples = ReadonlyMap<string, number>

/** The samples in the text format of Prometheus. */
export const samplesOf = (text: string): Samples =>
  new Map(
    text
      .split('\n')
      .filter((line) => line !== '' && !line.startsWith('#'))
      .map((line) => {
        const at = line.lastIndexOf(' ')
        return [line.slice(0, at), Number(line.slice(at))]
      }),
  )

export const scrape = async (target: Target): Promise<Samples> =>
  samplesOf((await askOnce(target, '/metrics')).text)

/** Reads the facts of test/fixtures/published.mjs and the output of an example. */
const readLine: ReadLine = (line) => {
  return line.startsWith('{"event":"published:') ? JSON.parse(line) : readExampleLine(line)
}

/** Prints the reports, and throws while the file exists. */
const publishes = ['--import', new URL('../fixtures/published.mjs', import.meta.url).href]

/** The server of the example, and a switch that breaks its next generations. */
export interface Observed {
  readonly service: Service
  breakRelease(): void
  repairRelease(): void
}

const observed = (env: Record<string, string> = {}) => {
  const broken = join(tempDir(), 'broken')
  return {
    options: { env: { PORT: '0', BROKEN: broken, ...env }, readLine },
    breakRelease: () => writeFileSync(broken, ''),
    repairRelease: () => rmSync(broken),
  }
}

/** Starts the server of the example. */
export async function startServer(env?: Record<string, string>): Promise<Observed> {
  const { options, ...release } = observed(env)
  const service = launchService(program('server.mjs'), { ...options, execArgv: publishes })
  await Promise.all([service.event('listening'), service.event(isReady)])
  return { service, ...release }
}

/** Starts the server of the example with two workers, and the exporter. */
export async function startWorkers(): Promise<Observed & { readonly exporter: Service }> {
  const { options, ...release } = observed()
  const cwd = tempDir()
  const command = [testNode, ...publishes]
  const run = ['--workers', '2']
  const service = await startRun(program('server.mjs'), { ...options, cwd, run, command })
  const exporter = await startExporter(join(cwd, 'handover.sock'), 2)
  return { service, exporter, ...release }
}

/** Starts the exporter, and waits until it has the status of all `processes`. */
export async function startExporter(control: string, processes: number): Promise<Service> {
  const env = { PORT: '0', HANDOVER_CONTROL: control }
  const exporter = launchService(program('exporter.mjs'), { env, readLine })
  await exporter.event('listening')
  const ready = async () => (await scrape(exporter.target)).get('handover_processes{state="ready"}')
  await until('the exporter has the status', async () => (await ready()) === processes)
  return exporter
}

const reportsOf = <Report>(facts: readonly Fact[], event: string) =>
  facts.flatMap(({ event: of, report }) =>
    of === `published:${event}` && report ? [report as unknown as Report] : [],
  )

/** Sends SIGHUP to the serving generation and waits until its reload has failed. */
export async function failToReload(service: Service, pid = service.serving.pid): Promise<void> {
  const afterIndex = service.lastIndex
  service.signal('SIGHUP', pid)
  await service.event('published:reload-failed', { afterIndex })
}

/** The metrics, except gauges, after these reloads and drains. */
export function expectedCounts(reloads: readonly ReloadReport[], drains: readonly FinalReport['drain'][]) {
  const kinds = drains.flatMap(({ kinds }) => Object.values(kinds))
  const sum = (numbers: readonly number[]) => numbers.reduce((total, each) => total + each, 0)
  const phases = [
    ...reloads.flatMap((report) => report.phases),
    ...drains.map(({ ms }) => ({ name: 'draining', ms })),
  ]
  const spawns = reloads.flatMap(({ spawnMs }) => spawnMs ?? [])
  const counts: Record<string, number> = {
    handover_spawn_duration_seconds_count: spawns.length,
    handover_spawn_duration_seconds_sum: sum(spawns) / 1000,
  }
  for (const outcome of ['handed-over', 'failed'])
    counts[`handover_reloads_total{outcome="${outcome}"}`] = reloads.filter(
      (each) => each.outcome === outcome,
    ).length
  for (const outcome of ['moved', 'closed', 'cut', 'lost'] as const)
    counts[`handover_drained_connections_total{outcome="${outcome}"}`] = sum(
      kinds.map((kind) => kind[outcome]),
    )
  for (const name of ['starting', 'probation', 'draining']) {
    const ms = phases.filter((phase) => phase.name === name).map((phase) => phase.ms)
    counts[`handover_phase_duration_seconds_count{phase="${name}"}`] = ms.length
    counts[`handover_phase_duration_seconds_sum{phase="${name}"}`] = sum(ms) / 1000
  }
  return counts
}

/** What a service has published. */
export const published = ({ facts }: Service) => ({
  handedOver: reportsOf<ReloadReport>(facts, 'handed-over'),
  failed: reportsOf<ReloadReport>(facts, 'reload-failed'),
  finished: reportsOf<FinalReport>(facts, 'predecessor-finished'),
  final: reportsOf<FinalReport>(facts, 'report'),
})
