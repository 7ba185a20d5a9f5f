// Determines from the facts which generation serves.
import type { Fact } from './story.js'

export interface Generation {
  readonly pid: number
  readonly generation: number
}

export function isReady({ event, state }: Fact): boolean {
  return event === 'state' && state === 'ready'
}

export function isHandedOver({ event, state, because }: Fact): boolean {
  return event === 'state' && state === 'draining' && because === 'handed-over'
}

/** Whether the fact shows that the generation is proven: its predecessor can no longer roll back. */
export const isProven =
  (of: number) =>
  ({ pid, state, onProbation }: Fact): boolean =>
    pid === of && state === 'ready' && !onProbation

/** The latest generation that was ready and whose predecessor is draining or no longer runs. */
export function servingOf(facts: readonly Fact[], runs: (pid: number) => boolean): Generation | undefined {
  const latest = new Map<number, string>()
  for (const { event, pid, state } of facts) if (event === 'state' && state) latest.set(pid, state)
  const leaves = (pid: number) => /^(draining|exited)$/.test(latest.get(pid) ?? '') || !runs(pid)

  let serving: Generation | undefined
  for (const { pid, generation = 0 } of facts.filter(isReady)) {
    if (!serving || leaves(serving.pid)) serving = { pid, generation }
  }
  return serving
}
