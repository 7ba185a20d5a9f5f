/** The status of a generation, as the control socket reports it. */
import { realpathSync } from 'node:fs'
import type { Platform } from '../platform/process.js'
import type { GenerationStatus } from '../protocol/control-messages.js'
import type { Successor } from '../succession/successor.js'
import type { Drain } from './drain.js'
import type { SharedParts } from './shared-parts.js'

/** The maximum number of connections that are listed with their work. */
const mostActiveWork = 10

export type Release = NonNullable<GenerationStatus['release']>

export type StatusParts = Pick<SharedParts, 'self' | 'machine' | 'tracker' | 'platform'>

export function statusOf(
  { self, machine, tracker, platform }: StatusParts,
  release: Release,
): GenerationStatus {
  const { state } = machine
  return {
    generation: self.number,
    pid: self.pid,
    state: state.name,
    ...(state.name === 'ready' && state.onProbation ? { onProbation: true } : {}),
    ...(state.name === 'draining' ? { because: state.because, ...msLeftOf(state.drain) } : {}),
    uptimeMs: Math.round(platform.now()),
    release,
    connections: tracker.counts(),
    activeWork: tracker.activeWork().slice(0, mostActiveWork),
  }
}

/** The status of a successor that is not proven. */
export const successorStatus = ({ pid = 0, isReady }: Successor, generation: number): GenerationStatus =>
  isReady ? { generation, pid, state: 'ready', onProbation: true } : { generation, pid, state: 'starting' }

/** Call it at the start: later a link may lead to another release. */
export function releaseOf({ argv: [, script = ''], cwd }: Platform): Release {
  try {
    return { cwd: cwd(), script: realpathSync(script) }
  } catch {
    // A program from the command line or from standard input.
    return { cwd: cwd(), script }
  }
}

/** The drain has no deadline before `shutdownDelayMs` has passed. */
export const msLeftOf = ({ msLeft }: Drain): { msLeft?: number } =>
  Number.isFinite(msLeft) ? { msLeft: Math.round(msLeft) } : {}
