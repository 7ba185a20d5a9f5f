// Reloads under load that clients must not notice.

import type { FinalReport } from '@handover/core'
import {
  downloads,
  keepAlive,
  mixedLoad,
  newConnections,
  slowRequests,
  Tally,
  type Target,
  uploads,
  type Workload,
} from '@handover/load'
import { expect } from 'vitest'
import { finalReports } from './reports.js'
import type { Fact, Service } from './service.js'
import { until } from './until.js'

/** The limit for a whole test. Ten reloads take 10 s on an idle machine. */
export const longestMs = 300_000

export const think = { minMs: 0, maxMs: 400 }

/** Half of each kind of load, for each of two addresses. */
export const halfOfEveryWorkload = (): Workload[] => [
  newConnections({ clients: 4 }),
  keepAlive({ clients: 4 }),
  keepAlive({ clients: 25, think }),
  slowRequests({ clients: 5 }),
  uploads({ clients: 2 }),
  downloads({ clients: 2 }),
]

/** Where the clients connect, and their workloads. */
export type Clients = readonly [Target, readonly Workload[]]

interface Reloaded {
  /** The final reports of all generations but the last, in order. */
  readonly reports: readonly FinalReport[]
  /** The number of responses by generation. */
  readonly servedBy: ReadonlyMap<number, number>
}

/** Reloads under load. No request fails, nothing is cut, every predecessor exits, and the addresses stay the same. */
export async function reloadUnder(
  service: Service,
  reloads: number,
  clients: readonly Clients[],
): Promise<Reloaded> {
  const tally = new Tally()
  const over = new AbortController()
  const options = { tally, signal: over.signal, maxMs: longestMs }
  const load = Promise.all(
    clients.map(([target, workloads]) => mixedLoad(target, { ...options, workloads: [...workloads] })),
  )
  for (let n = 0; n < reloads; n++) {
    const { generation } = (await service.reload()).to
    await until(`generation ${generation} serves`, () => tally.servedBy.has(generation))
  }
  over.abort()
  await load
  expect(tally.failures).toEqual([])
  const reports = await finalReports(service, reloads)
  for (const { pid, drain } of reports) {
    expect(drain).toMatchObject({ because: 'handed-over', cut: [], timedOut: false })
    await service.exitOf(pid)
  }
  expect(new Set(service.facts.filter(({ event }) => event === 'listening').map(where)).size).toBe(1)
  return { reports, servedBy: tally.servedBy }
}

/** The addresses in sorted order: Fastify reports them in the order in which its servers started. */
const where = ({ addresses = [], metrics }: Fact): string =>
  JSON.stringify([...addresses.map((address) => JSON.stringify(address)).sort(), metrics])
