// Reloads with clients, who may not notice.
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

/** Reloads it so many times: no client's request fails, nothing is cut, and it listens where it did. */
export async function reloadUnder(
  service: Service,
  reloads: number,
  clients: readonly Clients[],
): Promise<void> {
  const tally = new Tally()
  const over = new AbortController()
  const load = Promise.all(
    clients.map(([target, workloads]) =>
      mixedLoad(target, { tally, workloads: [...workloads], signal: over.signal }),
    ),
  )
  for (let n = 0; n < reloads; n++) {
    const { generation } = (await service.reload()).to
    await until(`generation ${generation} serves`, () => tally.servedBy.has(generation))
  }
  over.abort()
  await load
  expect(tally.failures).toEqual([])
  const reports = await finalReports(service, reloads)
  expect(reports.map(({ drain }) => [drain.cut, drain.timedOut])).toEqual(reports.map(() => [[], false]))
  for (const { pid } of reports) await service.exitOf(pid)
  expect(new Set(service.facts.filter(({ event }) => event === 'listening').map(where)).size).toBe(1)
}

/** In an order of its own: that of Fastify is that in which its servers came up. */
const where = ({ addresses = [], metrics }: Fact): string =>
  JSON.stringify([...addresses.map((address) => JSON.stringify(address)).sort(), metrics])
