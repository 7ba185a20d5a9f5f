/** The supervised service: its workers, the reload under way, and the balance of their connections. */
import { type FromWorker, HandoverError } from '@handover/core/supervision'
import { Supervisor, type SupervisorParts } from '../supervisor/supervisor.js'
import type { Worker } from '../supervisor/worker.js'
import { Rebalancer } from './rebalancer.js'
import { RollingReload } from './rolling-reload.js'

export class Service {
  readonly supervisor: Supervisor
  /** Called with each message of a worker, after the supervisor has handled it. */
  readonly messageObservers = new Set<(worker: Worker, message: FromWorker) => void>()
  /** Called with each reload before its first successor starts. */
  readonly reloadObservers = new Set<(reload: RollingReload) => void>()
  readonly #parts: SupervisorParts
  readonly #rebalancer = new Rebalancer(() => this.#checkSoon())
  #reload: RollingReload | undefined
  #willCheck = false

  constructor(parts: SupervisorParts) {
    this.#parts = parts
    this.supervisor = new Supervisor(parts, {
      onMessage: (worker, message, handle) => this.#onMessage(worker, message, handle),
      onExit: (worker) => this.#rebalancer.onExit(worker),
      onSuccessorRequested: (worker) => this.#onSuccessorRequested(worker),
    })
  }

  /**
   * Replaces all workers, one after another. `first` has already begun its reload.
   * Errors: `ERR_HANDOVER_IN_PROGRESS`, `ERR_HANDOVER_DRAINING`.
   */
  reload(first?: Worker): RollingReload {
    this.#refuseReload()
    const { slots, started } = this.supervisor
    const { logger } = this.#parts
    const launch = this.supervisor.launch.bind(this.supervisor)
    const reload = new RollingReload({ slots, started, launch, logger }, first)
    this.#reload = reload
    for (const observe of this.reloadObservers) observe(reload)
    const onEnd = () => {
      this.#reload = undefined
      this.#checkSoon()
    }
    reload.proven.then(onEnd, onEnd)
    return reload
  }

  #refuseReload(): void {
    if (this.supervisor.isStopping)
      throw new HandoverError('ERR_HANDOVER_DRAINING', 'The service is shutting down: it cannot hand over.')
    if (this.#reload)
      throw new HandoverError(
        'ERR_HANDOVER_IN_PROGRESS',
        'A reload is under way. Try again when it has ended.',
      )
  }

  #onMessage(worker: Worker, message: FromWorker, handle: object | undefined): void {
    this.#rebalancer.onMessage(worker, message, handle)
    for (const observe of this.messageObservers) observe(worker, message)
    this.#checkSoon()
  }

  /** A program may reload itself. The other workers then follow. */
  #onSuccessorRequested(worker: Worker): ReturnType<RollingReload['commandFor']> {
    const current = this.#reload?.isReplacing(worker) ? this.#reload : this.reload(worker)
    return current.commandFor(worker)
  }

  #checkSoon(): void {
    if (this.#willCheck) return
    this.#willCheck = true
    setImmediate(() => this.#checkSettled())
  }

  /**
   * The service is settled when all workers serve and no reload is under way. Only then may unserved listeners close
   * and connections move between workers.
   */
  #checkSettled(): void {
    this.#willCheck = false
    const { isStopping, slots, workers } = this.supervisor
    const serving = slots.flatMap(({ worker }) => (worker?.ownsService ? worker : []))
    const isSettled = !isStopping && !this.#reload && serving.length === slots.length
    const settled = isSettled ? serving : []
    this.#parts.listeners.closeUnserved(settled, workers)
    this.#rebalancer.rebalance(settled)
  }
}
