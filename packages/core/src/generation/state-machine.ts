/** The state of a generation. One method assigns it, logs it and notifies the observers. */
import { type Channel, channel } from 'node:diagnostics_channel'
import { EventEmitter } from 'node:events'
import type { GracefulEvents, StateChange } from '../base/events.js'
import type { Logger } from '../base/logger.js'
import type { Connections } from '../base/report.js'
import type { Drain } from './drain.js'
import { type LifecycleEvent, next, type State } from './lifecycle.js'

/** Each event is also published, for tools without a handle. */
const channels: Readonly<Record<keyof GracefulEvents, Channel>> = {
  state: channel('handover:state'),
  'reload-failed': channel('handover:reload-failed'),
  'handed-over': channel('handover:handed-over'),
  report: channel('handover:report'),
  'predecessor-finished': channel('handover:predecessor-finished'),
}

/** Identifies this generation in messages and reports. */
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
  #drain: Drain | undefined

  constructor(parts: StateMachineParts) {
    this.#parts = parts
  }

  get state(): State {
    return this.#state
  }

  /** Whether this generation is ready and the predecessor can still roll back. */
  get isOnProbation(): boolean {
    return this.#state.name === 'ready' && this.#state.onProbation
  }

  /** Whether this generation drains or has exited. */
  get isEnding(): boolean {
    return this.#state.name === 'draining' || this.#state.name === 'exited'
  }

  /** Also ends the wait for the program's signal listeners, after the drain. */
  cutDrainShort(): void {
    if (this.isEnding) this.#drain?.cutShort()
  }

  /** The one place that assigns the state. An event that has no meaning in the current state has no effect. */
  dispatch(event: LifecycleEvent): void {
    const nextState = next(this.#state, event)
    if (!nextState) return
    this.#state = nextState
    if (nextState.name === 'draining') this.#drain = nextState.drain
    const { self, logger, counts } = this.#parts
    const change = { ...changeOf(nextState), generation: self.number, pid: self.pid }
    logger.info({ ...changeOf(nextState), connections: counts() }, describe(change))
    this.notify('state', change)
  }

  /** Calls the observers, then publishes. Logs what observers throw: an observer must not fail a reload. */
  notify<Name extends keyof GracefulEvents>(event: Name, ...facts: GracefulEvents[Name]): void {
    for (const observe of (this.events as EventEmitter).listeners(event)) {
      try {
        observe(...facts)
      } catch (error) {
        const why = (error as Error)?.message ?? error
        this.#parts.logger.error({ err: error }, `an observer of '${event}' threw: ${why}`)
      }
    }
    channels[event].publish(facts[0])
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
