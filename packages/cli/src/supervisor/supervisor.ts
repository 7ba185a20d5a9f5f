/**
 * Starts the workers, keeps so many of them running, holds their listeners, and relays between a worker and its
 * successor. How a handover goes is the affair of the two (core); which worker is next is rolling-reload.ts.
 */
import {
  type Deferred,
  deferred,
  errorData,
  type FromWorker,
  HandoverError,
  type Inheritance,
  type Logger,
} from '@handover/core/supervision'
import { codeOf, notTakingPart, whyEnded } from '../ended.js'
import { Rebalancer } from '../operations/rebalancer.js'
import { RollingReload } from '../operations/rolling-reload.js'
import type { ReleaseCommand } from '../previous-release.js'
import { startedBy } from '../started-by.js'
import type { ListenerPool } from './listener-pool.js'
import { relay, tellPredecessor } from './relay.js'
import { Slot } from './slot.js'
import { Worker, type WorkerExit } from './worker.js'

/** How far ahead of the others the first worker is: what it binds right after it was ready, they inherit. */
const aheadMs = 100

type StartSuccessor = Extract<FromWorker, { type: 'start-successor' }>

export interface SupervisorParts {
  readonly workers: number
  /** Found anew for each start. Errors: why no worker can be started now. */
  readonly command: () => ReleaseCommand
  readonly readyTimeoutMs: number
  /** Of the command line: they win over those of the program. */
  readonly limits: { readonly readyTimeoutMs?: number; readonly drainTimeoutMs?: number }
  readonly held: ListenerPool
  readonly logger: Logger
  /** Whoever asked for it. */
  readonly onReload: (roll: RollingReload) => void
}

export class Supervisor {
  readonly parts: SupervisorParts
  readonly slots: readonly Slot[]
  readonly workers = new Set<Worker>()
  /** Called with every message of a worker, after it was acted on. */
  readonly observers = new Set<(worker: Worker, message: FromWorker) => void>()
  readonly #rebalancer = new Rebalancer(() => this.#considerSettled())
  /** Settled by the very first worker: that it serves, or why not. */
  readonly #started: Deferred<void> = deferred()
  #hasStarted = false
  #willConsider = false
  #roll: RollingReload | undefined
  #stopping: Promise<number> | undefined
  readonly #ended: Deferred<number> = deferred()

  constructor(parts: SupervisorParts) {
    this.parts = parts
    this.slots = Array.from({ length: parts.workers }, () => new Slot())
  }

  /** Resolves when the first worker serves; the others inherit its listeners. Rejects with why it does not. */
  async start(): Promise<void> {
    const [first, ...others] = this.slots as [Slot, ...Slot[]]
    this.launch(first)
    await this.#started.promise
    this.#hasStarted = true
    if (this.isStopping) return
    for (const slot of others) slot.timer = setTimeout(() => this.launch(slot), aheadMs)
  }

  get isStopping(): boolean {
    return this.#stopping !== undefined
  }

  /** Replaces all workers, one after another. Errors: `ERR_HANDOVER_IN_PROGRESS`, `ERR_HANDOVER_DRAINING`. */
  reload(first?: Worker): RollingReload {
    if (this.isStopping)
      throw new HandoverError(
        'ERR_HANDOVER_DRAINING',
        'The service is shutting down: it can hand over no more.',
      )
    if (this.#roll)
      throw new HandoverError(
        'ERR_HANDOVER_IN_PROGRESS',
        'A reload is under way. Ask again when it has ended.',
      )
    const roll = new RollingReload(this, this.#started.promise, first)
    this.#roll = roll
    this.parts.onReload(roll)
    const over = () => {
      this.#roll = undefined
      this.#considerSettled()
    }
    roll.proven.then(over, over)
    return roll
  }

  /** Resolves with the exit code, when somebody has stopped it. */
  get ended(): Promise<number> {
    return this.#ended.promise
  }

  /** Drains all workers, and resolves with the exit code when they have ended. Asking twice gives the same answer. */
  stop(): Promise<number> {
    this.#stopping ??= this.#stop()
    return this.#stopping
  }

  /** Ends all workers now, except for their hooks. */
  cutShort(): void {
    void this.stop()
    for (const worker of this.workers) worker.cutShort()
  }

  /** To those that serve. */
  signal(signal: NodeJS.Signals): void {
    for (const { worker } of this.slots) if (worker?.isRegistered) worker.signal(signal)
  }

  /** Starts a worker that replaces none. */
  launch(slot: Slot): void {
    clearTimeout(slot.timer)
    if (this.isStopping) return
    try {
      const generation = slot.generation + 1
      const worker = this.#spawn({ generation, signals: [], listeners: this.parts.held.entries() })
      slot.worker = worker
      slot.generation = generation
      worker.endUnlessReady(this.parts.readyTimeoutMs)
    } catch (error) {
      const { message, cause } = error as Error
      this.#launchLater(slot, (cause as Error | undefined)?.message ?? message)
    }
  }

  async #stop(): Promise<number> {
    for (const { timer } of this.slots) clearTimeout(timer)
    this.parts.held.letGo()
    const codes = await Promise.all([...this.workers].map(codeOf))
    this.parts.held.removeFiles()
    const code = Math.max(0, ...codes)
    this.#ended.resolve(code)
    return code
  }

  #spawn(given: Pick<Inheritance, 'generation' | 'signals' | 'listeners'>, predecessor?: Worker): Worker {
    const supervisor = { workers: this.slots.length, ...this.parts.limits }
    const inheritance = { ...given, ...startedBy(supervisor, predecessor?.pid) }
    const events = {
      onMessage: (worker: Worker, message: FromWorker, handle?: object) =>
        this.#onMessage(worker, message, handle),
      onWrong: ({ pid }: Worker, what: string) =>
        this.parts.logger.warn({ worker: pid }, `worker ${pid} sent ${what}: ignored`),
      onExit: (worker: Worker, exit: WorkerExit) => this.#onExit(worker, exit),
    }
    const command = predecessor?.givesBackTo ?? this.parts.command()
    const worker = new Worker(command, inheritance, events, predecessor)
    this.workers.add(worker)
    return worker
  }

  #onMessage(worker: Worker, message: FromWorker, handle: object | undefined): void {
    const { held } = this.parts
    if (message.type === 'registered') this.#onRegistered(worker)
    else if (message.type === 'now') this.#onChange(worker)
    else if (message.type === 'stranger')
      this.parts.logger.warn({}, `worker ${worker.pid} listens, but is not waited for: ${notTakingPart}`)
    else if (message.type === 'listener') held.onBound(worker, message.entry, handle, this.workers)
    else if (message.type === 'serves') worker.serves = new Set(message.held)
    else if (message.type === 'closed') held.onClosed(worker, message.held, this.workers)
    else if (message.type === 'start-successor') this.#startSuccessor(worker, message)
    else if (message.type === 'signal-successor') this.#successorOf(worker, message)?.signal(message.signal)
    else if (message.type === 'to-successor')
      relay(message.message, handle, this.#successorOf(worker, message))
    this.#rebalancer.onMessage(worker, message, handle)
    for (const observe of this.observers) observe(worker, message)
    this.#considerSettled()
  }

  /** It hears us from now on: what happened before is told now. */
  #onRegistered(worker: Worker): void {
    if (this.isStopping) worker.say({ type: 'shutdown' })
    if (worker.isLeftAlone) worker.say({ type: 'predecessor-ended' })
    this.parts.held.offer(worker)
  }

  #onChange(worker: Worker): void {
    if (worker.inCharge) this.#started.resolve()
    const slot = this.slots.find((each) => each.worker === worker)
    if (!slot || worker.now.state !== 'draining') return
    const { lateAfterMs, now } = worker
    const why = lateAfterMs === undefined ? 'shuts down' : `was not ready after ${lateAfterMs} ms`
    if (now.because === 'shutdown') this.#replace(slot, worker, why)
    else this.#succeed(slot, worker, 'has left, and its successor has ended')
  }

  /** All serve, and no reload is under way: what nobody asked for is closed, and connections are evened out. */
  #considerSettled(): void {
    if (this.#willConsider) return
    this.#willConsider = true
    setImmediate(() => this.#considerNow())
  }

  #considerNow(): void {
    this.#willConsider = false
    const serving = this.slots.flatMap(({ worker }) => (worker?.inCharge ? worker : []))
    const isSettled = !this.isStopping && !this.#roll && serving.length === this.slots.length
    const settled = isSettled ? serving : []
    this.parts.held.settle(settled, this.workers)
    this.#rebalancer.consider(settled)
  }

  /** A program may reload itself: then the others follow. */
  #startSuccessor(worker: Worker, { successor: id, wanted }: StartSuccessor): void {
    try {
      this.#refuseSuccessor(worker)
      if (!this.#roll?.isReplacing(worker)) this.reload(worker)
      const listeners = this.parts.held.entries(wanted.listeners)
      const successor = this.#spawn({ ...wanted, listeners }, worker)
      worker.successor = { id, worker: successor }
      if (successor.pid > 0) worker.say({ type: 'successor-started', successor: id, pid: successor.pid })
    } catch (error) {
      worker.say({ type: 'successor-refused', successor: id, error: errorData(error) })
    }
  }

  /** Core requests one successor at a time, and only while it serves. A program could request thousands. */
  #refuseSuccessor(worker: Worker): void {
    const { inCharge, pid, successor } = worker
    if (inCharge && !(successor && this.workers.has(successor.worker))) return
    const why = inCharge ? 'already has one' : 'does not serve'
    const message = `Worker ${pid} asks for a successor, but ${why}. No process was started.`
    throw new HandoverError('ERR_HANDOVER_IN_PROGRESS', message, { pid })
  }

  #successorOf(worker: Worker, { successor: id }: { readonly successor: number }): Worker | undefined {
    return worker.successor?.id === id ? worker.successor.worker : undefined
  }

  #onExit(worker: Worker, exit: WorkerExit): void {
    this.workers.delete(worker)
    this.#rebalancer.onExit(worker)
    tellPredecessor(worker, exit)
    worker.successor?.worker.leaveAlone()
    const slot = this.slots.find((each) => each.worker === worker)
    if (!slot) return
    this.#succeed(slot, worker, whyEnded(worker, exit))
  }

  /** Its successor, if it runs, is the service, or will be: nobody else waits for that any more. */
  #succeed(slot: Slot, worker: Worker, why: string): void {
    const next = worker.successor?.worker
    if (!next || !this.workers.has(next)) {
      this.#replace(slot, worker, why)
      return
    }
    slot.worker = next
    slot.generation = next.generation
    if (next.servesSince === undefined) next.endUnlessReady(this.parts.readyTimeoutMs)
  }

  #replace(slot: Slot, worker: Worker, why: string): void {
    slot.worker = undefined
    this.#launchLater(slot, `worker ${worker.pid} ${why}`, worker)
  }

  /** `before` was there. */
  #launchLater(slot: Slot, why: string, before?: Worker): void {
    if (this.isStopping) return
    this.#started.reject(new Error(why))
    if (!this.#hasStarted) return
    const pauseMs = slot.pauseAfter(before)
    const when = pauseMs === 0 ? 'at once' : `in ${pauseMs} ms`
    this.parts.logger.error({ pauseMs }, `${why}; another one is started ${when}`)
    slot.timer = setTimeout(() => this.launch(slot), pauseMs)
  }
}
