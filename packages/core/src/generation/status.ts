/** What one process tells of itself. */
import { realpathSync } from 'node:fs'
import type { Platform } from '../platform/process.js'
import type { GenerationStatus } from '../protocol/control-messages.js'
import type { Successor } from '../succession/successor.js'
import type { Drain } from './drain.js'
import type { SharedParts } from './shared-parts.js'

/** How many connections are named that are not idle. */
const mostActiveWork = 10

export type Release = NonNullable<GenerationStatus['release']>

export interface StatusParts extends Pick<SharedParts, 'self' | 'machine' | 'tracker'> {
  readonly release: Release
  readonly uptimeMs: () => number
}

export function statusOf({ self, machine, tracker, release, uptimeMs }: StatusParts): GenerationStatus {
  const { state } = machine
  return {
    generation: self.number,
    pid: self.pid,
    state: state.name,
    ...(state.name === 'ready' && state.onProbation ? { onProbation: true } : {}),
    ...(state.name === 'draining' ? { because: state.because, ...msLeftOf(state.drain) } : {}),
    uptimeMs: Math.round(uptimeMs()),
    release,
    connections: tracker.counts(),
    activeWork: tracker.activeWork().slice(0, mostActiveWork),
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
