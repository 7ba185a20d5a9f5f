import {
  keepAlive,
  type LoadResult,
  mixedLoad,
  newConnections,
  Tally,
  type Target,
  type Workload,
} from '@handover/load'

/** Light enough to leave CPU time to the code under test, frequent enough to hit every moment of it. */
const steady = (): Workload[] => [
  newConnections({ clients: 2 }),
  keepAlive({ clients: 6, think: { minMs: 0, maxMs: 20 } }),
]

/** Runs `work` under load and resolves with what the clients saw meanwhile. */
export async function underLoad(
  target: Target,
  work: () => Promise<unknown>,
  workloads: readonly Workload[] = steady(),
  tally = new Tally(),
): Promise<LoadResult> {
  const over = new AbortController()
  const load = mixedLoad(target, { workloads, signal: over.signal, tally })
  try {
    await work()
  } finally {
    over.abort()
    await load
  }
  return load
}
