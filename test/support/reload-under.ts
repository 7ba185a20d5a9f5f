// Reloads with clients, who may not notice.

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

/** For the whole test; ten reloads take 10 s on a machine with nothing else to do. */
export const longestMs = 300_000

export const think = { minMs: 0, maxMs: 400 }

/** Half of every kind of load, for each of two addresses. */
export const halfOfEveryWorkload = (): Workload[] => [
  newConnections({ clients: 4 }),
  keepAlive({ clients: 4 }),
  keepAlive({ clients: 25, think }),
  slowRequests({ clients: 5 }),
  uploads({ clients: 2 }),
  downloads({ clients: 2 }),
]

/** Clients: where, and what they do. */
export type Clients = readonly [Target, readonly Workload[]]

interface Reloaded {
  /** Of every generation but the last, in their order. */
  readonly reports: readonly FinalReport[]
  /** Generation to number of answers. */
  readonly servedBy: ReadonlyMap<number, number>
}

/** Reloads it so many times: no client's request fails, nothing is cut, each leaves, and it listens where it did. */
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

/** In an order of its own: that of Fastify is that in which its servers came up. */
const where = ({ addresses = [], metrics }: Fact): string =>
  JSON.stringify([...addresses.map((address) => JSON.stringify(address)).sort(), metrics])
