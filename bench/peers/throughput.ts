/** Part 6: requests per second under each manager, and how they fall to the workers. */
import { RawConnection } from '@handover/load'
import type { Cores } from '../cores.js'
import { freePort } from '../first-answer.js'
import { LoadProcess } from '../load-process.js'
import type { Plan } from '../plan.js'
import { median } from '../statistics.js'
import { type Check, spread, type Table, thousands } from '../table.js'
import { type Manager, type ManagerName, managers, titles, untilServed } from './manager.js'
import { rssMiB } from './memory.js'

const mustRatio = 1
const connections = 64
const kinds = ['keep-alive', 'new connections'] as const
type Kind = (typeof kinds)[number]

/** One manager with so many workers. */
interface Figures {
  readonly manager: ManagerName
  readonly workers: number
  readonly perSecond: Readonly<Record<Kind, number[]>>
  /** The share of connections that the busiest worker got, for 1 worker 1. */
  busiest: number
  managerMiB: number
}

export async function measurePeers({ peers }: Plan, cores: Cores): Promise<Figures[]> {
  const load = new LoadProcess(cores.load)
  const results: Figures[] = []
  try {
    for (const workers of [1, 2]) results.push(...(await compare(workers, peers, cores, load)))
    return results
  } finally {
    load.stop()
  }
}

/** All three live at once, and get the load by turns. */
async function compare(
  workers: number,
  { rounds, turnMs }: Plan['peers'],
  cores: Cores,
  load: LoadProcess,
): Promise<Figures[]> {
  const names = Object.keys(managers) as ManagerName[]
  // Two workers need both cores.
  const core = workers === 1 ? cores.server : undefined
  const started: { manager: Manager; port: number; figures: Figures }[] = []
  try {
    for (const name of names) {
      const port = await freePort()
      const manager = await managers[name]({ port, workers, core })
      const perSecond = { 'keep-alive': [], 'new connections': [] }
      started.push({
        manager,
        port,
        figures: { manager: name, workers, perSecond, busiest: 0, managerMiB: 0 },
      })
      await untilServed(port, workers)
    }
    for (let round = -1; round < rounds; round++) {
      for (const { port, figures } of round % 2 === 0 ? started : started.toReversed()) {
        for (const kind of kinds) {
          const { requests, ms } = await load.run({
            port,
            connections,
            ms: turnMs,
            fresh: kind === 'new connections',
          })
          // The first is to warm up.
          if (round >= 0) figures.perSecond[kind].push((1000 * requests) / ms)
        }
      }
    }
    for (const { manager, port, figures } of started) {
      figures.busiest = await busiestShare(port)
      figures.managerMiB = rssMiB(manager.pid)
    }
    return started.map(({ figures }) => figures)
  } finally {
    for (const { manager } of started) await manager.stop()
  }
}

/** Of connections that are opened at once and stay. */
async function busiestShare(port: number): Promise<number> {
  const opened = await Promise.all(Array.from({ length: connections }, () => RawConnection.connect({ port })))
  const pids = new Map<string, number>()
  for (const connection of opened) {
    await connection.write('GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n')
    const pid = (await connection.response()).headers.get('x-pid') ?? ''
    pids.set(pid, (pids.get(pid) ?? 0) + 1)
    connection.close()
  }
  return Math.max(...pids.values()) / connections
}

export function peersTable(results: readonly Figures[], { peers }: Plan): Table {
  return {
    title: 'Throughput under a manager of processes',
    note:
      `Requests per second of the same application, the median of ${peers.rounds} turns of ${peers.turnMs} ms with ${connections} clients; ratios are those of ` +
      '`handover run` to the other, turn by turn, with quartiles. The busiest worker is the share that it got of ' +
      `${connections} connections that were opened at once. Memory is that of the process that starts the others.`,
    columns: [
      '',
      'workers',
      'keep-alive',
      'handover is',
      'new connections',
      'handover is',
      'busiest worker',
      'manager MiB',
    ],
    rows: results.map((each) => [
      titles[each.manager],
      String(each.workers),
      ...kinds.flatMap((kind) => [
        thousands(median(each.perSecond[kind])),
        spread(ratios(results, each, kind), 3),
      ]),
      `${Math.round(100 * each.busiest)} %`,
      each.managerMiB.toFixed(1),
    ]),
    checks: results.flatMap((each) => kinds.flatMap((kind) => checksOf(results, each, kind))),
  }
}

function ratios(results: readonly Figures[], other: Figures, kind: Kind): number[] {
  const ours = results.find(({ manager, workers }) => manager === 'handover' && workers === other.workers)
  return other.perSecond[kind].map((perSecond, i) => (ours?.perSecond[kind][i] ?? 0) / perSecond)
}

function checksOf(results: readonly Figures[], other: Figures, kind: Kind): Check[] {
  if (other.manager === 'handover') return []
  const ratio = median(ratios(results, other, kind))
  const what = `handover run, ${other.workers} workers, ${kind}: at least as many requests per second as ${titles[other.manager]}, is ${ratio.toFixed(3)}`
  return [{ kind: 'must', what, met: ratio >= mustRatio }]
}
