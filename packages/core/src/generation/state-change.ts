/** What observers and the log are told of a state. */
import type { StateChange } from '../base/events.js'
import type { State } from './lifecycle.js'

export function told(state: State): Pick<StateChange, 'state' | 'because' | 'onProbation'> {
  if (state.name === 'draining') return { state: state.name, because: state.because }
  return state.name === 'ready' && state.onProbation
    ? { state: state.name, onProbation: true }
    : { state: state.name }
}

export function inWords({ generation, state, because, onProbation }: StateChange): string {
  const reason = because && (because === 'shutdown' ? 'shutdown' : 'handed over')
  const more = reason ? ` (${reason})` : onProbation ? ', on probation' : ''
  return `generation ${generation} is ${state}${more}`
}
