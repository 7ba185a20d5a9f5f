/** Part 6: requests per second under each manager, and how connections are distributed over the workers. */
import { setTimeout as pause } from 'node:timers/promises'
import { RawConnection } from '@handover/load'
import type { Cores } from '../cores.js'
import { freePort } from '../first-response.js'
import type { LoadOrder } from '../load.js'
import { type Both, PairLoad } from '../pair-load.js'
import type { Plan } from '../plan.js'
import { median } from '../statistics.js'
import { type Check, spread, type Table, thousands } from '../table.js'
import { type Manager, type ManagerName, managers, titles, untilServed } from './manager.js'
import { rssMiB } from './memory.js'

const loads = {
  // Counts only after rebalancing, which happens once in the life of a connection. Two shares are 750 ms apart.
  'keep-alive': { connections: 64, settleMs: 1_000 },
  'new connections': { connections: 64, requestsEach: 1 },
  both: { connections: 64, requestsEach: 20 },
} as const satisfies Readonly<Record<string, Omit<LoadOrder, 'port' | 'ms'>>>
type Kind = keyof typeof loads
const kinds = Object.keys(loads) as Kind[]

/**
 * On an open connection, requests go straight to the worker under every manager. So no manager can be faster, and
 * `keep-alive` compares the adapter with none.
 */
const mustRatios: Readonly<Record<Kind, number>> = { 'keep-alive': 0.97, 'new connections': 1, both: 1 }
const goalRatio = 1

const atOnce = 64
const laterMs = 2_000

type Rates = Readonly<Record<Kind, number>>

/** Another manager and `handover run`, with the same number of workers. */
interface Comparison {
  readonly other: Exclude<ManagerName, 'handover'>
  readonly workers: number
  readonly pairs: readonly { readonly ours: Figures; readonly theirs: Figures }[]
}

/** The busiest worker's share of the open connections, which is 1 for a single worker. */
interface Busiest {
  readonly atOnce: number
  readonly later: number
}

interface Figures {
  readonly perSecond: Rates
  readonly busiest: Busiest
  readonly managerMiB: number
}

export async function measurePeers({ peers }: Plan, cores: Cores): Promise<Comparison[]> {
  const load = new PairLoad(cores.load)
  const results: Comparison[] = []
  try {
    for (const workers of [1, 2]) {
      for (const other of ['cluster', 'pm2'] as const) {
        results.push(await compare(other, workers, peers, cores, load))
      }
    }
    return results
  } finally {
    load.stop()
  }
}

async function compare(
  other: Comparison['other'],
  workers: number,
  peers: Plan['peers'],
  cores: Cores,
  load: PairLoad,
): Promise<Comparison> {
  // Two workers need both cores.
  const core = workers === 1 ? cores.server : undefined
  const pairs: Comparison['pairs'][number][] = []
  for (let i = 0; i < peers.pairs; i++) {
    // Alternate which one is first.
    const names = i % 2 === 0 ? (['handover', other] as const) : ([other, 'handover'] as const)
    const [first, second] = await measurePair(names, workers, core, peers, load)
    pairs.push(i % 2 === 0 ? { ours: first, theirs: second } : { ours: second, theirs: first })
  }
  return { other, workers, pairs }
}

async function measurePair(
  names: Both<ManagerName>,
  workers: number,
  core: number | undefined,
  { warmUpMs, ms }: Plan['peers'],
  load: PairLoad,
): Promise<Both<Figures>> {
  const started: Manager[] = []
  try {
    const ports = [await freePort(), await freePort()] as const
    for (const i of [0, 1] as const) {
      started.push(await managers[names[i]]({ port: ports[i], workers, core }))
      await untilServed(ports[i], workers)
    }
    const rates: Both<Partial<Record<Kind, number>>> = [{}, {}]
    for (const kind of kinds) {
      const run = (ms: number) =>
        workers === 1
          ? load.abreast(ports, { ...loads[kind], ms })
          : load.byTurns(ports, { ...loads[kind], workers, ms })
      await run(warmUpMs)
      const [first, second] = await run(ms)
      rates[0][kind] = first
      rates[1][kind] = second
    }
    const figures = async (i: 0 | 1): Promise<Figures> => ({
      perSecond: rates[i] as Rates,
      busiest: await busiestOf(ports[i]),
      managerMiB: rssMiB((started[i] as Manager).pid),
    })
    return [await figures(0), await figures(1)]
  } finally {
    for (const manager of started) await manager.stop()
  }
}

/** The shares for connections that are opened at once and stay open. */
async function busiestOf(port: number): Promise<Busiest> {
  const opened = await Promise.all(Array.from({ length: atOnce }, () => RawConnection.connect({ port })))
  const busiest = { atOnce: await busiestShare(opened), later: 0 }
  await pause(laterMs)
  busiest.later = await busiestShare(opened)
  for (const connection of opened) connection.close()
  return busiest
}

/** Sends one request on each connection to find its worker. */
async function busiestShare(connections: readonly RawConnection[]): Promise<number> {
  const pids = new Map<string, number>()
  for (const connection of connections) {
    await connection.write('GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n')
    const pid = (await connection.response()).headers.get('x-pid') ?? ''
    pids.set(pid, (pids.get(pid) ?? 0) + 1)
  }
  return Math.max(...pids.values()) / connections.length
}

export function peersTable(results: readonly Comparison[], { peers }: Plan): Table {
  return {
    title: 'Throughput under a process manager',
    note:
      `The same application under \`handover run\` and under another manager, ${peers.pairs} pairs of fresh starts: each load has ` +
      `${peers.warmUpMs} ms to warm up, then ${peers.ms} ms. With 1 worker both run at the same time on the same core; with 2 they need both cores and take turns (A B B A). The figures are the requests per second of \`handover run\` and its ratio to the other manager: ` +
      `the median of the pairs, with quartiles. Loads: ${kinds.map(describe).join('; ')}. _Busiest worker_ is its share of ` +
      `${atOnce} connections opened at once: at first, and ${laterMs} ms later. Memory is that of the process that starts the others. Where a cell has two values, the first is that of \`handover run\`.`,
    columns: [
      '`handover run` to',
      'workers',
      ...kinds.flatMap((kind) => [`${kind}, requests/s`, 'ratio']),
      'busiest worker',
      'manager MiB',
    ],
    rows: results.map(rowOf),
    checks: results.flatMap((each) => kinds.flatMap((kind) => checksOf(each, kind))),
  }
}

const describe = (kind: Kind): string => {
  const { connections, requestsEach, settleMs }: Omit<LoadOrder, 'port' | 'ms'> = loads[kind]
  const counted =
    settleMs === undefined
      ? ''
      : `, counted from ${settleMs} ms after the last of them opens or moves to another worker; two workers have ${connections / 2} each`
  const many =
    requestsEach === undefined ? 'a persistent connection' : `a connection for every ${requestsEach} requests`
  return `${kind}, ${connections} clients with ${requestsEach === 1 ? 'a connection for each request' : many}${counted}`
}

function rowOf(comparison: Comparison): string[] {
  const { other, workers, pairs } = comparison
  const medians = (figure: (of: Figures) => number) =>
    (['ours', 'theirs'] as const).map((side) => median(pairs.map((pair) => figure(pair[side]))))
  const percent = (share: number) => Math.round(100 * share)
  const [atOnce, later] = [medians(({ busiest }) => busiest.atOnce), medians(({ busiest }) => busiest.later)]
  return [
    titles[other],
    String(workers),
    ...kinds.flatMap((kind) => [
      thousands(median(pairs.map(({ ours }) => ours.perSecond[kind]))),
      spread(ratios(comparison, kind), 3),
    ]),
    atOnce.map((share, i) => `${percent(share)}, ${percent(later[i] ?? 0)} %`).join(' / '),
    medians(({ managerMiB }) => managerMiB)
      .map((mib) => mib.toFixed(1))
      .join(' / '),
  ]
}

const ratios = ({ pairs }: Comparison, kind: Kind): number[] =>
  pairs.map(({ ours, theirs }) => ours.perSecond[kind] / theirs.perSecond[kind])

function checksOf(comparison: Comparison, kind: Kind): Check[] {
  const ratio = median(ratios(comparison, kind))
  const check = (name: Check['kind'], least: number): Check => ({
    kind: name,
    what: `handover run, ${comparison.workers} workers, ${kind}: at least ${least} of the requests per second of ${titles[comparison.other]}, is ${ratio.toFixed(3)}`,
    met: ratio >= least,
  })
  return [check('must', mustRatios[kind]), check('goal', goalRatio)]
}
