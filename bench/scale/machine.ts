import { readFileSync } from 'node:fs'
import { availableParallelism, cpus, release, totalmem, type } from 'node:os'
import type { Machine } from './result.js'

/** Descriptors that a process needs besides those of its idle connections, with what Handover keeps free. */
const reserve = 500

export function machine(): Machine {
  return {
    node: process.version,
    system: `${type()} ${release()} ${process.arch}`,
    processor: cpus()[0]?.model.trim() ?? 'unknown',
    cores: availableParallelism(),
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    descriptors: descriptorLimit(),
  }
}

/** Node raises its own limit to the hard limit when it starts. */
function descriptorLimit(): number {
  const [, soft] = /^Max open files +(\d+)/m.exec(readFileSync('/proc/self/limits', 'latin1')) ?? []
  return soft === undefined ? Number.MAX_SAFE_INTEGER : Number(soft)
}

export interface Possible {
  readonly sizes: readonly number[]
  readonly skipped: readonly number[]
}

/** Replaces sizes for which a process may not have enough file descriptors by the largest size that works. */
export function possible(sizes: readonly number[], descriptors: number): Possible {
  const most = Math.floor((descriptors - reserve) / 500) * 500
  const skipped = sizes.filter((size) => size > most)
  const kept = sizes.filter((size) => size <= most)
  if (skipped.length > 0 && !kept.includes(most) && most > 0) kept.push(most)
  return { sizes: kept, skipped }
}
