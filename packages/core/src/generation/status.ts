/** What one process tells of itself. */
import { realpathSync } from 'node:fs'
import type { Platform } from '../platform/process.js'
import type { GenerationStatus } from '../protocol/control-messages.js'
import type { Successor } from '../succession/successor.js'
import type { Drain } from './drain.js'
import type { Generation } from './generation.js'

/** How many connections are named that are not idle. */
const mostHolding = 10

export type Release = NonNullable<GenerationStatus['release']>

export function statusOf(
  { state, number, platform, tracker }: Generation,
  release: Release,
): GenerationStatus {
  return {
    generation: number,
    pid: platform.pid,
    state: state.name,
    ...(state.name === 'ready' && state.onProbation ? { onProbation: true } : {}),
    ...(state.name === 'draining' ? { because: state.because, ...msLeftOf(state.drain) } : {}),
    uptimeMs: Math.round(platform.now()),
    release,
    connections: tracker.counts(),
    holding: tracker.holding().slice(0, mostHolding),
  }
}

/** What is known of one that is not proven. */
export const successorStatus = ({ pid = 0, isReady }: Successor, generation: number): GenerationStatus =>
  isReady ? { generation, pid, state: 'ready', onProbation: true } : { generation, pid, state: 'starting' }

/** To be asked at the start: later a link may lead to another release. */
export function releaseOf({ argv: [, script = ''], cwd }: Platform): Release {
  try {
    return { cwd: cwd(), script: realpathSync(script) }
  } catch {
    // A program from the command line or from standard input.
    return { cwd: cwd(), script }
  }
}

/** None as long as `shutdownDelayMs` runs. */
export const msLeftOf = ({ msLeft }: Drain): { msLeft?: number } =>
  Number.isFinite(msLeft) ? { msLeft: Math.round(msLeft) } : {}
