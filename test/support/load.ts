import {
  keepAlive,
  type LoadResult,
  mixedLoad,
  newConnections,
  type Target,
  type Workload,
} from '@handover/load'

/** Few enough to leave the cores to what is tested, often enough to meet every moment of it. */
const steady = (): Workload[] => [
  newConnections({ clients: 2 }),
  keepAlive({ clients: 6, think: { minMs: 0, maxMs: 20 } }),
]

/** What clients saw while `work` was done. */
export async function underLoad(
  target: Target,
  work: () => Promise<unknown>,
  workloads: readonly Workload[] = steady(),
): Promise<LoadResult> {
  const over = new AbortController()
  const load = mixedLoad(target, { workloads, signal: over.signal })
  try {
    await work()
  } finally {
    over.abort()
    await load
  }
  return load
}
