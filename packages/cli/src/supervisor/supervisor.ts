/**
 * Starts the workers, replaces those that exit, holds their listeners, and relays messages between a worker and its
 * successor. The service (operations) decides about reloads; core's generations perform the handover.
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
import type { ListenerPool } from './listener-pool.js'
import { relay, tellPredecessor } from './relay.js'
import type { ReleaseCommand } from './release-command.js'
import { Slot } from './slot.js'
import { startedBy } from './started-by.js'
import { Worker, type WorkerExit } from './worker.js'
import { codeOf, notTakingPart, whyEnded } from './worker-exit.js'

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
  readonly listeners: ListenerPool
  readonly logger: Logger
}

export interface SupervisorEvents {
  /** Called with each message of a worker, after the supervisor has handled it. */
  onMessage(worker: Worker, message: FromWorker, handle: object | undefined): void
  onExit(worker: Worker): void
  /**
   * A worker requests a successor. Returns the command that starts it, or `undefined` for the current release.
   * Errors: the reason why the worker gets no successor.
   */
  onSuccessorRequested(worker: Worker): ReleaseCommand | undefined
}

export class Supervisor {
  readonly slots: readonly Slot[]
  readonly workers = new Set<Worker>()
  readonly #parts: SupervisorParts
  readonly #events: SupervisorEvents
  readonly #started: Deferred<void> = deferred()
  #hasStarted = false
  #stopping: Promise<number> | undefined
  readonly #ended: Deferred<number> = deferred()

  constructor(parts: SupervisorParts, events: SupervisorEvents) {
    this.#parts = parts
    this.#events = events
    this.slots = Array.from({ length: parts.workers }, () => new Slot())
  }

  /** Resolves when the very first worker serves. Rejects with the reason why it does not. */
  get started(): Promise<void> {
    return this.#started.promise
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
      const inheritance = { generation, signals: [], listeners: this.#parts.listeners.entries() }
      const worker = this.#spawn(this.#parts.command(), inheritance)
      slot.worker = worker
      slot.generation = generation
      worker.endUnlessReady(this.#parts.readyTimeoutMs)
    } catch (error) {
      const { message, cause } = error as Error
      this.#launchLater(slot, (cause as Error | undefined)?.message ?? message)
    }
  }

  async #stop(): Promise<number> {
    for (const { timer } of this.slots) clearTimeout(timer)
    this.#parts.listeners.closeAll()
    const codes = await Promise.all([...this.workers].map(codeOf))
    this.#parts.listeners.removeFiles()
    const code = Math.max(0, ...codes)
    this.#ended.resolve(code)
    return code
  }

  #spawn(
    command: ReleaseCommand,
    given: Pick<Inheritance, 'generation' | 'signals' | 'listeners'>,
    predecessor?: Worker,
  ): Worker {
    const supervisor = { workers: this.slots.length, ...this.#parts.limits }
    const inheritance = { ...given, ...startedBy(supervisor, predecessor?.pid) }
    const events = {
      onMessage: (worker: Worker, message: FromWorker, handle?: object) =>
        this.#onMessage(worker, message, handle),
      onWrong: ({ pid }: Worker, what: string) =>
        this.#parts.logger.warn({ worker: pid }, `worker ${pid} sent ${what}: ignored`),
      onExit: (worker: Worker, exit: WorkerExit) => this.#onExit(worker, exit),
    }
    const worker = new Worker(command, inheritance, events, predecessor)
    this.workers.add(worker)
    return worker
  }

  #onMessage(worker: Worker, message: FromWorker, handle: object | undefined): void {
    const { listeners } = this.#parts
    if (message.type === 'registered') this.#onRegistered(worker)
    else if (message.type === 'now') this.#onChange(worker)
    else if (message.type === 'stranger')
      this.#parts.logger.warn({}, `worker ${worker.pid} listens, but is not waited for: ${notTakingPart}`)
    else if (message.type === 'listener') listeners.onBound(worker, message.entry, handle, this.workers)
    else if (message.type === 'serves') worker.serves = new Set(message.held)
    else if (message.type === 'closed') listeners.onClosed(worker, message.held, this.workers)
    else if (message.type === 'start-successor') this.#startSuccessor(worker, message)
    else if (message.type === 'signal-successor') this.#successorOf(worker, message)?.signal(message.signal)
    else if (message.type === 'to-successor')
      relay(message.message, handle, this.#successorOf(worker, message))
    this.#events.onMessage(worker, message, handle)
  }

  /** It hears us from now on: what happened before is told now. */
  #onRegistered(worker: Worker): void {
    if (this.isStopping) worker.say({ type: 'shutdown' })
    if (worker.isLeftAlone) worker.say({ type: 'predecessor-ended' })
    this.#parts.listeners.offer(worker)
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

  #startSuccessor(worker: Worker, { successor: id, wanted }: StartSuccessor): void {
    try {
      this.#refuseSuccessor(worker)
      const command = this.#events.onSuccessorRequested(worker) ?? this.#parts.command()
      const listeners = this.#parts.listeners.entries(wanted.listeners)
      const successor = this.#spawn(command, { ...wanted, listeners }, worker)
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
    this.#events.onExit(worker)
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
    if (next.servesSince === undefined) next.endUnlessReady(this.#parts.readyTimeoutMs)
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
    this.#parts.logger.error({ pauseMs }, `${why}; another one is started ${when}`)
    slot.timer = setTimeout(() => this.launch(slot), pauseMs)
  }
}
