/** The state of a generation. One method assigns it, logs it and notifies the observers. */
import { channel } from 'node:diagnostics_channel'
import { EventEmitter } from 'node:events'
import type { GracefulEvents, StateChange } from '../base/events.js'
import type { Logger } from '../base/logger.js'
import type { Connections } from '../base/report.js'
import { type LifecycleEvent, next, type State } from './lifecycle.js'

/** For tools that have no handle. */
const stateChannel = channel('handover:state')

/** How messages and reports name this generation. */
export interface Self {
  readonly number: number
  readonly pid: number
}

export interface StateMachineParts {
  readonly self: Self
  readonly logger: Logger
  readonly counts: () => Connections
}

export class StateMachine {
  readonly events = new EventEmitter<GracefulEvents>()
  readonly #parts: StateMachineParts
  #state: State = { name: 'starting' }

  constructor(parts: StateMachineParts) {
    this.#parts = parts
  }

  get state(): State {
    return this.#state
  }

  /** Ready, and the predecessor can still take this generation back. */
  get isOnProbation(): boolean {
    return this.#state.name === 'ready' && this.#state.onProbation
  }

  /** It drains, or has exited. */
  get isEnding(): boolean {
    return this.#state.name === 'draining' || this.#state.name === 'exited'
  }

  /** The one place that assigns the state. Returns whether the event had a meaning. */
  dispatch(event: LifecycleEvent): boolean {
    const following = next(this.#state, event)
    if (!following) return false
    this.#state = following
    const { self, logger, counts } = this.#parts
    const change = { ...changeOf(following), generation: self.number, pid: self.pid }
    logger.info({ ...change, connections: counts() }, describe(change))
    this.notify('state', change)
    stateChannel.publish(change)
    return true
  }

  /** Calls the observers. If one throws, the error is logged, and a reload continues. */
  notify<Name extends keyof GracefulEvents>(event: Name, ...facts: GracefulEvents[Name]): void {
    for (const observe of (this.events as EventEmitter).listeners(event)) {
      try {
        observe(...facts)
      } catch (error) {
        const why = (error as Error)?.message ?? error
        this.#parts.logger.error({ err: error }, `an observer of '${event}' threw: ${why}`)
      }
    }
  }
}

function changeOf(state: State): Pick<StateChange, 'state' | 'because' | 'onProbation'> {
  if (state.name === 'draining') return { state: state.name, because: state.because }
  return state.name === 'ready' && state.onProbation
    ? { state: state.name, onProbation: true }
    : { state: state.name }
}

function describe({ generation, state, because, onProbation }: StateChange): string {
  const reason = because && (because === 'shutdown' ? 'shutdown' : 'handed over')
  const more = reason ? ` (${reason})` : onProbation ? ', on probation' : ''
  return `generation ${generation} is ${state}${more}`
}
