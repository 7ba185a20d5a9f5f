import type { DrainReason } from '../base/state-names.js'
import type { Successor } from '../succession/successor.js'
import type { Drain } from './drain.js'

/** Each state has the data that only it needs. */
export type State =
  | { readonly name: 'starting' }
  /** `onProbation`: the predecessor can still roll back. */
  | { readonly name: 'ready'; readonly onProbation: boolean }
  | { readonly name: 'handing-over'; readonly successor: Successor }
  | { readonly name: 'draining'; readonly because: DrainReason; readonly drain: Drain }
  | { readonly name: 'exited'; readonly code: 0 | 1 }

export type LifecycleEvent =
  | { readonly name: 'ready'; readonly onProbation: boolean }
  | { readonly name: 'proven' }
  | { readonly name: 'successor-started'; readonly successor: Successor }
  | { readonly name: 'successor-failed' }
  | { readonly name: 'successor-proven'; readonly drain: Drain }
  /** The successor has died while this generation drains. */
  | { readonly name: 'successor-lost' }
  | { readonly name: 'shutdown'; readonly drain: Drain }
  | { readonly name: 'drained'; readonly code: 0 | 1 }

/** Returns the next state, or `undefined` if the event has no meaning in this state. Pure: the caller acts on it. */
export function next(state: State, event: LifecycleEvent): State | undefined {
  switch (event.name) {
    case 'ready':
      return state.name === 'starting' ? { name: 'ready', onProbation: event.onProbation } : undefined
    case 'proven':
      return state.name === 'ready' && state.onProbation ? { name: 'ready', onProbation: false } : undefined
    case 'successor-started':
      return state.name === 'ready' && !state.onProbation
        ? { name: 'handing-over', successor: event.successor }
        : undefined
    case 'successor-failed':
      return state.name === 'handing-over' ? { name: 'ready', onProbation: false } : undefined
    case 'successor-proven':
      return state.name === 'handing-over'
        ? { name: 'draining', because: 'handed-over', drain: event.drain }
        : undefined
    case 'successor-lost':
      return state.name === 'draining' && state.because === 'handed-over'
        ? { name: 'ready', onProbation: false }
        : undefined
    case 'shutdown':
      return afterShutdown(state, event.drain)
    case 'drained':
      return state.name === 'draining' ? { name: 'exited', code: event.code } : undefined
  }
}

/** After a handover the same drain continues, but no longer waits for idle connections. */
function afterShutdown(state: State, drain: Drain): State | undefined {
  if (state.name === 'exited') return undefined
  if (state.name !== 'draining') return { name: 'draining', because: 'shutdown', drain }
  return state.because === 'handed-over' ? { ...state, because: 'shutdown' } : undefined
}
