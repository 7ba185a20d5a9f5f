/** Part 5: whether a reload delays requests that arrive at half the capacity of the service. */
import type { Histogram } from '@handover/load'
import { OpenLoop } from './open-loop.js'
import type { Plan } from './plan.js'
import { Service } from './service.js'
import { median } from './statistics.js'
import { type Check, spread, type Table, thousands } from './table.js'

const handover = { moveConnections: true, probationMs: 50, drainTimeoutMs: 60_000 }
const load = 0.5
const settleMs = 500

const figures = [
  { name: 'slowest', share: 1, goal: 1.5 },
  { name: 'p99.9', share: 0.999, goal: 1.5 },
  { name: 'p99', share: 0.99, goal: 1.2 },
] as const

interface Round {
  readonly perSecond: number
  readonly requests: number
  /** Milliseconds during a reload and without one, for each of {@link figures}. */
  readonly pairs: readonly (readonly [reload: number, quiet: number])[]
}

interface Tails {
  readonly count: number
  readonly rounds: readonly Round[]
}

export async function measureTails({ tails }: Plan): Promise<Tails[]> {
  const results: Tails[] = []
  for (const count of tails.counts) {
    const rounds: Round[] = []
    while (rounds.length < tails.rounds) rounds.push(await measureRound(count, tails))
    results.push({ count, rounds })
  }
  return results
}

async function measureRound(count: number, { warmUpMs, windowMs }: Plan['tails']): Promise<Round> {
  const service = new Service('http', 'graceful', { graceful: handover })
  try {
    const clients = new OpenLoop(await service.port())
    await clients.open(count)
    await clients.capacity(warmUpMs)
    const perSecond = load * (await clients.capacity(warmUpMs))
    clients.start(perSecond)
    await service.proven(1)
    await wait(settleMs)
    const startedAt = performance.now()
    const reload = clients.window()
    process.kill(service.pid, 'SIGHUP')
    await service.drained(1)
    await wait(startedAt + windowMs - performance.now())
    const ms = performance.now() - startedAt
    // The requests that wait because of the reload belong to its window.
    clients.window()
    await wait(settleMs)
    const quiet = clients.window()
    await wait(ms)
    await clients.end()
    return { perSecond, requests: reload.count + quiet.count, pairs: compare(reload, quiet) }
  } finally {
    await service.stop()
  }
}

const compare = (reload: Histogram, quiet: Histogram): Round['pairs'] =>
  figures.map(({ share }) => [reload.percentile(share), quiet.percentile(share)])

const wait = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

export function tailsTable(results: readonly Tails[], { tails }: Plan): Table {
  return {
    title: 'Latency during a reload at half the capacity',
    note:
      `Requests arrive at random times, half as many per second as the service answers when it is saturated. Latency counts from the planned arrival, in ms: the median of ${tails.rounds} rounds. ` +
      `The window with a reload begins with SIGHUP and ends when the predecessor has drained, but not before ${tails.windowMs} ms. The other window is as long. Each ratio is that of one round, with quartiles. ` +
      'No request failed.',
    columns: [
      'connections',
      'requests/s',
      ...figures.flatMap(({ name }) => [`${name}, reload`, 'without', 'ratio']),
    ],
    rows: results.map(({ count, rounds }) => [
      thousands(count),
      thousands(median(rounds.map(({ perSecond }) => perSecond))),
      ...figures.flatMap((_, i) => [
        median(rounds.map(({ pairs }) => pairs[i]?.[0] ?? 0)).toFixed(1),
        median(rounds.map(({ pairs }) => pairs[i]?.[1] ?? 0)).toFixed(1),
        spread(ratiosOf(rounds, i), 2),
      ]),
    ]),
    checks: results.flatMap(checksOf),
  }
}

const ratiosOf = (rounds: readonly Round[], figure: number): number[] =>
  rounds.map(({ pairs }) => {
    const [reload = 0, quiet = 1] = pairs[figure] ?? []
    return reload / quiet
  })

function checksOf({ count, rounds }: Tails): Check[] {
  return figures.map(({ name, goal }, i) => {
    const ratio = median(ratiosOf(rounds, i))
    const what = `${thousands(count)} connections: ${name} during a reload at most ${goal} times that without, is ${ratio.toFixed(2)}`
    return { kind: 'goal', what, met: ratio <= goal }
  })
}
