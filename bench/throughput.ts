/** Part 1: what the adapter costs per request between reloads, and how much memory it uses. */
import type { Cores } from './cores.js'
import { type Both, PairLoad } from './pair-load.js'
import type { Plan } from './plan.js'
import { type Framework, finalYoungGeneration, frameworks, Service, type Variant } from './service.js'
import { median } from './statistics.js'
import { type Check, spread, type Table, thousands } from './table.js'

const mustRatio = 0.97
const goalRatio = 0.99
const goalCpuRatio = 1.01

/** The figures of one process under load. */
interface Measured {
  readonly requestsPerSecond: number
  readonly cpuMicrosPerRequest: number
  /** Resident memory without V8's young generation. */
  readonly rssMiB: number
}

/** The figures of two processes that ran at the same time. */
export interface Pair {
  readonly without: Measured
  readonly with: Measured
}

export interface SteadyState {
  readonly framework: Framework
  readonly pairs: readonly Pair[]
  /** The comparison of two equal programs. A smaller difference than this is meaningless. */
  readonly control: boolean
}

export async function measureSteadyState(plan: Plan, cores: Cores): Promise<SteadyState[]> {
  const load = new PairLoad(cores.load)
  const results: SteadyState[] = []
  try {
    for (const framework of frameworks) results.push(await compare(framework, 'graceful', plan, cores, load))
    results.push(await compare('http', 'plain', plan, cores, load))
    return results
  } finally {
    load.stop()
  }
}

async function compare(
  framework: Framework,
  variant: Variant,
  { abreast }: Plan,
  cores: Cores,
  load: PairLoad,
): Promise<SteadyState> {
  const pairs: Pair[] = []
  for (let i = 0; i < abreast.pairs; i++) {
    const start = (each: Variant) =>
      new Service(framework, each, { core: cores.server, execArgv: finalYoungGeneration })
    // Alternate which one is first.
    const services = [start(i % 2 === 0 ? 'plain' : variant), start(i % 2 === 0 ? variant : 'plain')] as const
    const [first, second] = await measurePair(services, abreast, load)
    pairs.push(i % 2 === 0 ? { without: first, with: second } : { without: second, with: first })
    for (const service of services) await service.stop()
  }
  return { framework, pairs, control: variant === 'plain' }
}

async function measurePair(
  [first, second]: Both<Service>,
  { warmUpMs, ms, connections }: Plan['abreast'],
  load: PairLoad,
): Promise<Both<Measured>> {
  const ports = [await first.port(), await second.port()] as const
  await load.abreast(ports, { connections, ms: warmUpMs })
  const before = [await first.usage(), await second.usage()] as const
  const rates = await load.abreast(ports, { connections, ms })
  const after = [await first.usage(), await second.usage()] as const
  const measured = (i: 0 | 1): Measured => ({
    requestsPerSecond: rates[i],
    cpuMicrosPerRequest: (1000 * (after[i].cpuMicros - before[i].cpuMicros)) / (rates[i] * ms),
    rssMiB: (after[i].rssBytes - after[i].youngBytes) / 2 ** 20,
  })
  return [measured(0), measured(1)]
}

export function throughputTable(results: readonly SteadyState[], { abreast }: Plan): Table {
  const { pairs, warmUpMs, ms, connections } = abreast
  return {
    title: 'Steady throughput',
    note:
      `${pairs} pairs of fresh processes for each framework. Both programs of a pair run at the same time on the same core, each under ` +
      `${connections} keep-alive connections that never pause: ${warmUpMs} ms to warm up, then ${ms} ms. So requests per second are those of half ` +
      'a core. Ratios are with the adapter to without: the median of the pairs, with quartiles. CPU time is that of ' +
      'the whole process, divided by its requests. In both, the young generation of V8 has its final size from the start. The ' +
      'control compares two equal programs.',
    columns: ['', 'requests/s without', 'with', 'ratio', 'CPU µs/request without', 'with', 'ratio'],
    rows: results.map(rowOf),
    checks: results.filter(({ control }) => !control).flatMap(checksOf),
  }
}

function rowOf(result: SteadyState): string[] {
  const all = (variant: keyof Pair, figure: keyof Measured) =>
    median(result.pairs.map((pair) => pair[variant][figure]))
  return [
    result.control ? `control: ${nameOf('http')} against itself` : nameOf(result.framework),
    thousands(all('without', 'requestsPerSecond')),
    thousands(all('with', 'requestsPerSecond')),
    spread(ratios(result, 'requestsPerSecond'), 3),
    all('without', 'cpuMicrosPerRequest').toFixed(1),
    all('with', 'cpuMicrosPerRequest').toFixed(1),
    spread(ratios(result, 'cpuMicrosPerRequest'), 3),
  ]
}

const ratios = ({ pairs }: SteadyState, figure: keyof Measured): number[] =>
  pairs.map((pair) => pair.with[figure] / pair.without[figure])

function checksOf(result: SteadyState): Check[] {
  const name = nameOf(result.framework)
  const ratio = median(ratios(result, 'requestsPerSecond'))
  const cpu = median(ratios(result, 'cpuMicrosPerRequest'))
  return [
    {
      kind: 'must',
      what: `${name}: throughput ratio at least ${mustRatio}, is ${ratio.toFixed(3)}`,
      met: ratio >= mustRatio,
    },
    {
      kind: 'goal',
      what: `${name}: throughput ratio at least ${goalRatio}, is ${ratio.toFixed(3)}`,
      met: ratio >= goalRatio,
    },
    {
      kind: 'goal',
      what: `${name}: CPU time per request at most ${goalCpuRatio}, is ${cpu.toFixed(3)}`,
      met: cpu <= goalCpuRatio,
    },
  ]
}

export const nameOf = (framework: Framework): string =>
  ({ http: 'node:http', fastify: 'Fastify', express: 'Express', koa: 'Koa' })[framework]

export function memoryTable(results: readonly SteadyState[]): Table {
  return {
    title: 'Resident memory of one generation',
    note:
      'MiB of the same processes, after the same time of load: the median of the pairs. The difference has quartiles. ' +
      "V8's young generation does not count. " +
      'Garbage in the old generation counts: in Express it varies by 15 MiB.',
    columns: ['', 'without', 'with', 'difference', 'ratio'],
    rows: results.map((result) => {
      const rss = (variant: keyof Pair) => result.pairs.map((pair) => pair[variant].rssMiB)
      const more = result.pairs.map((pair) => pair.with.rssMiB - pair.without.rssMiB)
      return [
        result.control ? `control: ${nameOf('http')} against itself` : nameOf(result.framework),
        median(rss('without')).toFixed(1),
        median(rss('with')).toFixed(1),
        spread(more, 1),
        median(ratios(result, 'rssMiB')).toFixed(3),
      ]
    }),
    checks: [],
  }
}
