// Counts what a program does, where a measured time would depend on the machine.

/**
 * Without compilers, which remove allocations at moments that vary, and without a collection while counting. The heap
 * profiler then counts each object, instead of a random sample.
 */
export const exactCounts = [
  '--expose-gc',
  '--no-opt',
  '--no-maglev',
  '--no-sparkplug',
  '--no-flush-bytecode',
  '--min-semi-space-size=64',
  '--max-semi-space-size=64',
  '--sampling-heap-profiler-suppress-randomness',
] as const

/** Text for a program that counts its own allocations, system calls and asynchronous resources. */
export const countedProgram = `
import { createHook } from 'node:async_hooks'
import { readFileSync } from 'node:fs'
import { Session } from 'node:inspector'
import { performance } from 'node:perf_hooks'
const session = new Session()
session.connect()
const post = (method, params) => {
  let outcome
  session.post(method, params, (error, result) => { outcome = { error, result } })
  if (outcome.error) throw new Error(outcome.error.message)
  return outcome.result
}
const beginAllocations = () => {
  gc()
  post('HeapProfiler.startSampling', {
    samplingInterval: 1,
    includeObjectsCollectedByMajorGC: true,
    includeObjectsCollectedByMinorGC: true,
  })
}
const allocations = () => {
  const { samples } = post('HeapProfiler.stopSampling').profile
  return { objects: samples.length, bytes: samples.reduce((sum, { size }) => sum + size, 0) }
}
// Every promise, immediate, timer and next tick is a resource.
let resources = 0
const hook = createHook({ init: () => { resources++ } })
// The calls of all threads to read and write, and the turns of the event loop, which waits for events once in each.
const calls = () => {
  hook.enable()
  const [, reads, writes] = /syscr: (\\d+)\\nsyscw: (\\d+)/.exec(readFileSync('/proc/self/io', 'latin1'))
  const { loopCount, events } = performance.nodeTiming.uvMetricsInfo
  return { reads: Number(reads), writes: Number(writes), turns: loopCount, events, resources }
}
`

export type Counts = Readonly<Record<string, number>>

/** The least of each count over `rounds`. Other work of the process, such as a timer of Node, only adds to a count. */
export async function least(rounds: number, round: () => Promise<Counts>): Promise<Counts> {
  const all: Counts[] = []
  for (let i = 0; i < rounds; i++) all.push(await round())
  const figures = Object.keys(all[0] ?? {})
  return Object.fromEntries(
    figures.map((each) => [each, Math.min(...all.map((counts) => counts[each] ?? 0))]),
  )
}
