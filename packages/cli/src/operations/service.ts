/** The supervised service: its workers, the reload under way, and the balance of their connections. */
import { describeListener, type FromWorker, HandoverError } from '@handover/core/supervision'
import { Supervisor } from '../supervisor/supervisor.js'
import type { SupervisorParts } from '../supervisor/supervisor-parts.js'
import type { Worker } from '../supervisor/worker.js'
import { Rebalancer } from './rebalancer.js'
import { type ReloadCause, RollingReload } from './rolling-reload.js'
import { Scaling } from './scaling.js'

export class Service {
  readonly supervisor: Supervisor
  /** Called with each message of a worker, after the supervisor has handled it. */
  readonly messageObservers = new Set<(worker: Worker, message: FromWorker) => void>()
  /** Called with each reload before its first successor starts. */
  readonly reloadObservers = new Set<(reload: RollingReload) => void>()
  readonly #parts: SupervisorParts
  readonly #rebalancer = new Rebalancer(() => this.#checkSoon())
  #reload: RollingReload | undefined
  #scaling: Scaling | undefined
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
   * Replaces all workers, one after another; if workers are being added or removed, afterwards.
   * Errors: `ERR_HANDOVER_IN_PROGRESS`, `ERR_HANDOVER_DRAINING`.
   */
  reload(cause: ReloadCause = {}): RollingReload {
    this.#refuse('it cannot hand over')
    const { slots, started: firstServes } = this.supervisor
    const scaled = this.#scaling?.changed.catch(() => {})
    const started = scaled ? firstServes.then(() => scaled) : firstServes
    const { logger } = this.#parts
    const launch = this.supervisor.launch.bind(this.supervisor)
    const reload = new RollingReload({ slots, started, launch, logger }, cause)
    this.#reload = reload
    for (const observe of this.reloadObservers) observe(reload)
    const onEnd = () => {
      this.#reload = undefined
      this.#checkSoon()
    }
    reload.proven.then(onEnd, onEnd)
    return reload
  }

  /** Changes the number of workers. Errors: `ERR_HANDOVER_IN_PROGRESS`, `ERR_HANDOVER_DRAINING`. */
  scale(workers: number): Scaling {
    this.#refuse('its number of workers cannot change')
    if (this.#scaling)
      throw new HandoverError(
        'ERR_HANDOVER_IN_PROGRESS',
        'The number of workers is changing already. Try again when that has ended.',
      )
    const { logger } = this.#parts
    const scaling = new Scaling(workers, {
      supervisor: this.supervisor,
      rebalancer: this.#rebalancer,
      logger,
    })
    this.#scaling = scaling
    const onEnd = () => {
      this.#scaling = undefined
      this.#checkSoon()
    }
    scaling.changed.then(onEnd, onEnd)
    return scaling
  }

  /** `what` the service cannot do during a shutdown. */
  #refuse(what: string): void {
    if (this.supervisor.isStopping)
      throw new HandoverError('ERR_HANDOVER_DRAINING', `The service is shutting down: ${what}.`)
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
    if (this.#reload?.isReplacing(worker)) return this.#reload.commandFor(worker)
    const isAlone = this.supervisor.slots.every((slot) => slot.worker !== worker)
    if (this.#scaling || isAlone) {
      const message = `Worker ${worker.pid} cannot hand over while the number of workers changes. Try again when that has ended.`
      throw new HandoverError('ERR_HANDOVER_IN_PROGRESS', message, { pid: worker.pid })
    }
    return this.reload({ first: worker }).commandFor(worker)
  }

  #checkSoon(): void {
    if (this.#willCheck) return
    this.#willCheck = true
    setImmediate(() => this.#checkSettled())
  }

  /**
   * The service is settled when all workers serve, and no reload or scaling is under way. Only then may unserved listeners close
   * and connections move between workers.
   */
  #checkSettled(): void {
    this.#willCheck = false
    const { isStopping, slots } = this.supervisor
    const serving = slots.flatMap(({ worker }) => (worker?.ownsService ? worker : []))
    const isSettled = !isStopping && !this.#reload && !this.#scaling && serving.length === slots.length
    const settled = isSettled ? serving : []
    this.#parts.listeners.watchUnserved(settled, (names) => this.#closeUnserved(names))
    this.#rebalancer.rebalance(settled)
  }

  /** A client that connects to a listener without a server would wait forever. */
  #closeUnserved(names: readonly string[]): void {
    const { listeners, logger } = this.#parts
    const unserved = listeners.entries().filter(({ held }) => held !== undefined && names.includes(held))
    const unclaimed = unserved.map(describeListener)
    logger.info({ unclaimed }, `closing inherited listeners that no server uses: ${unclaimed.join(', ')}`)
    listeners.close(names, this.supervisor.workers)
  }
}
