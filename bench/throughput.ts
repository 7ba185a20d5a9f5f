/** Part 1: what the adapter costs while nothing happens, and what memory it takes. */
import type { Cores } from './cores.js'
import { LoadProcess } from './load-process.js'
import type { Plan } from './plan.js'
import { type Framework, frameworks, Service, type Variant } from './service.js'
import { median } from './statistics.js'
import { type Check, spread, type Table, thousands } from './table.js'

const mustRatio = 0.97
const goalRatio = 0.99
const goalCpuRatio = 1.01

/** One process under load. */
interface Measured {
  readonly requestsPerSecond: number
  readonly cpuMicrosPerRequest: number
  readonly rssMiB: number
}

/** Two processes that got the load by turns. */
export interface Pair {
  readonly without: Measured
  readonly with: Measured
}

export interface SteadyState {
  readonly framework: Framework
  readonly pairs: readonly Pair[]
  /** What the machine makes of two equal programs: no difference that is smaller means anything. */
  readonly control: boolean
}

export async function measureSteadyState(plan: Plan, cores: Cores): Promise<SteadyState[]> {
  const load = new LoadProcess(cores.load)
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
  { throughput }: Plan,
  cores: Cores,
  load: LoadProcess,
): Promise<SteadyState> {
  const pairs: Pair[] = []
  for (let i = 0; i < throughput.pairs; i++) {
    const order: Variant[] = i % 2 === 0 ? ['plain', variant] : [variant, 'plain']
    const services = order.map((each) => new Service(framework, each, { core: cores.server }))
    const measured = await measurePair(services, throughput, load)
    const [first, second] = measured as [Measured, Measured]
    pairs.push(i % 2 === 0 ? { without: first, with: second } : { without: second, with: first })
    for (const service of services) await service.stop()
  }
  return { framework, pairs, control: variant === 'plain' }
}

async function measurePair(
  services: readonly Service[],
  { connections, warmUpMs, turns, turnMs }: Plan['throughput'],
  load: LoadProcess,
): Promise<Measured[]> {
  const sums = services.map(() => ({ requests: 0, ms: 0, cpuMicros: 0, rssBytes: 0 }))
  for (const service of services) await load.run({ port: await service.port(), connections, ms: warmUpMs })
  for (let turn = 0; turn < 2 * turns; turn++) {
    const which = [0, 1, 1, 0][turn % 4] as 0 | 1
    const [service, sum] = [services[which], sums[which]]
    if (!service || !sum) continue
    const before = await service.usage()
    const { requests, ms } = await load.run({ port: await service.port(), connections, ms: turnMs })
    const { cpuMicros, rssBytes } = await service.usage()
    sum.requests += requests
    sum.ms += ms
    sum.cpuMicros += cpuMicros - before.cpuMicros
    sum.rssBytes = rssBytes
  }
  return sums.map(({ requests, ms, cpuMicros, rssBytes }) => ({
    requestsPerSecond: (1000 * requests) / ms,
    cpuMicrosPerRequest: cpuMicros / requests,
    rssMiB: rssBytes / 2 ** 20,
  }))
}

export function throughputTable(results: readonly SteadyState[], { throughput }: Plan): Table {
  const { pairs, turns, turnMs, connections } = throughput
  return {
    title: 'Steady throughput',
    note:
      `${pairs} pairs of processes for each framework; both of a pair live at once and get ${turns} turns of ${turnMs} ms each, ` +
      `A B B A, from ${connections} keep-alive connections that never pause. Ratios are with the adapter to without, the median of ` +
      'the pairs and their quartiles. CPU time is that of the whole process, divided by its requests. The control has two equal programs.',
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
    note: 'Of the same processes, after the same time of load. MiB, the median of the pairs; the difference with its quartiles.',
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
