/**
 * Starts the workers, replaces those that exit, holds their listeners, and relays messages between a worker and its
 * successor. The service (operations) decides about reloads; core's generations perform the handover.
 */
import {
  type Deferred,
  deferred,
  dispatchPart,
  errorData,
  HandoverError,
  type Inheritance,
  type MessageHandlers,
} from '@handover/core/supervision'
import { notifyPredecessor, relayToPredecessor, relayToSuccessor } from './relay.js'
import type { ReleaseCommand } from './release-command.js'
import { Slot } from './slot.js'
import { startedBy } from './started-by.js'
import type { SupervisorEvents, SupervisorParts } from './supervisor-parts.js'
import { type Worker, type WorkerEvents, WorkerProcess } from './worker.js'
import { describeExit, exitCodeOf, notParticipating, notReadyAfter, type WorkerExit } from './worker-exit.js'
import type { MessageOf, OfSupervisor } from './worker-messages.js'

/** The head start of the first worker. The others inherit the listeners that it binds right after it is ready. */
const headStartMs = 100

export class Supervisor {
  readonly slots: Slot[]
  readonly workers: Set<Worker> = new Set()
  readonly #parts: SupervisorParts
  readonly #events: SupervisorEvents
  readonly #workerEvents: WorkerEvents
  readonly #started: Deferred<void> = deferred()
  #hasStarted = false
  #stopping: Promise<number> | undefined
  readonly #ended: Deferred<number> = deferred()
  readonly #handlers: MessageHandlers<OfSupervisor, [worker: Worker, handle: object | undefined]> = {
    registered: (_, worker) => this.#onRegistered(worker),
    state: (_, worker) => this.#onChange(worker),
    'not-participating': (_, { pid }) =>
      this.#parts.logger.warn({}, `worker ${pid} listens, but never becomes ready. ${notParticipating}`),
    listener: ({ entry }, worker, handle) =>
      this.#parts.listeners.onBound(worker, entry, handle, this.workers),
    closed: ({ held }) => this.#parts.listeners.onClosed(held, this.workers),
    'start-successor': (message, worker) => this.#startSuccessor(worker, message),
    'signal-successor': (message, worker) => this.#successorOf(worker, message)?.signal(message.signal),
    'to-successor': (relayed, worker, handle) =>
      relayToSuccessor(relayed.message, handle, this.#successorOf(worker, relayed)),
  }

  constructor(parts: SupervisorParts, events: SupervisorEvents) {
    this.#parts = parts
    this.#events = events
    this.#workerEvents = {
      onMessage: (worker, message, handle) => {
        dispatchPart(message, this.#handlers, worker, handle)
        events.onMessage(worker, message, handle)
      },
      onForeign: relayToPredecessor,
      onWrong: ({ pid }, what) => parts.logger.warn({ worker: pid }, `worker ${pid}: ignoring ${what}`),
      onExit: (...exit) => this.#onExit(...exit),
    }
    this.slots = Array.from({ length: parts.workers }, () => new Slot())
  }

  /** Resolves when the first worker serves. Rejects with the reason why it does not. */
  get started(): Promise<void> {
    return this.#started.promise
  }

  /** Starts the first worker. When it serves, starts the others, which inherit its listeners. Errors: as `started`. */
  async start(): Promise<void> {
    const [first, ...others] = this.slots as [Slot, ...Slot[]]
    this.launch(first)
    await this.started
    this.#hasStarted = true
    if (this.isStopping) return
    for (const slot of others) slot.timer = setTimeout(() => this.launch(slot), headStartMs)
  }

  get isStopping(): boolean {
    return this.#stopping !== undefined
  }

  /** Resolves with the exit code after a stop. */
  get ended(): Promise<number> {
    return this.#ended.promise
  }

  /** Drains all workers and resolves with the exit code when they have exited. Later calls return the same promise. */
  stop(): Promise<number> {
    this.#stopping ??= this.#stop()
    return this.#stopping
  }

  /** Cuts the drains of all workers short. */
  cutShort(): void {
    void this.stop()
    for (const worker of this.workers) worker.cutShort()
  }

  /** Sends a signal to the registered worker of each slot. */
  signal(signal: NodeJS.Signals): void {
    for (const { worker } of this.slots) if (worker?.isRegistered) worker.signal(signal)
  }

  /** Starts a worker that has no predecessor, now or after a pause. */
  launch(slot: Slot): void {
    clearTimeout(slot.timer)
    if (this.isStopping) return
    try {
      this.startIn(slot)
    } catch (error) {
      const { message, cause } = error as Error
      this.#launchLater(slot, (cause as Error | undefined)?.message ?? message)
    }
  }

  /** Starts a worker that has no predecessor. Errors: the reason why no worker can start now. */
  startIn(slot: Slot): Worker {
    const generation = slot.generation + 1
    const inheritance = { generation, signals: [], listeners: this.#parts.listeners.entries() }
    const worker = this.#spawn(this.#parts.command(), inheritance)
    slot.worker = worker
    slot.generation = generation
    worker.endUnlessReady(this.#parts.readyTimeoutMs)
    return worker
  }

  async #stop(): Promise<number> {
    for (const { timer } of this.slots) clearTimeout(timer)
    this.#parts.listeners.closeAll()
    const codes = await Promise.all(
      [...this.workers].map((worker) => endForExitCode(worker, this.#hasStarted)),
    )
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
    const worker: Worker = new WorkerProcess(command, inheritance, this.#workerEvents, predecessor)
    this.workers.add(worker)
    return worker
  }

  /** The worker can receive messages from now on. Sends those that it has missed. */
  #onRegistered(worker: Worker): void {
    if (this.isStopping) worker.send({ type: 'shutdown' })
    if (worker.hasLostPredecessor) worker.send({ type: 'predecessor-ended' })
    // The worker may have started as the only one.
    if (this.slots.length > 1) worker.send({ type: 'rebalance' })
    this.#parts.listeners.offer(worker)
  }

  #onChange(worker: Worker): void {
    if (worker.ownsService) this.#started.resolve()
    const slot = this.slots.find((each) => each.worker === worker)
    const { timedOutAfterMs, lifecycle } = worker
    if (!slot || lifecycle.state !== 'draining') return
    const why = timedOutAfterMs === undefined ? 'is shutting down' : notReadyAfter(timedOutAfterMs)
    if (lifecycle.because === 'shutdown') this.#replace(slot, worker, why)
    else this.#promoteSuccessor(slot, worker, 'has handed over, but its successor has exited')
  }

  #startSuccessor(worker: Worker, { successor: id, wanted }: MessageOf<'start-successor'>): void {
    try {
      this.#refuseSuccessor(worker)
      const command = this.#events.onSuccessorRequested(worker) ?? this.#parts.command()
      const listeners = this.#parts.listeners.entries(wanted.listeners)
      const successor = this.#spawn(command, { ...wanted, listeners }, worker)
      worker.setSuccessor(id, successor)
      if (successor.pid > 0) worker.send({ type: 'successor-started', successor: id, pid: successor.pid })
    } catch (error) {
      worker.send({ type: 'successor-refused', successor: id, error: errorData(error) })
    }
  }

  /** Core requests one successor at a time, and only while it serves. A program could request thousands. */
  #refuseSuccessor({ ownsService, pid, successor }: Worker): void {
    if (ownsService && !(successor && this.workers.has(successor.worker))) return
    const why = ownsService ? 'already has one' : 'does not serve'
    const message = `Worker ${pid} requested a successor, but ${why}. No process was started.`
    throw new HandoverError('ERR_HANDOVER_IN_PROGRESS', message, { pid })
  }

  #successorOf(worker: Worker, { successor: id }: { readonly successor: number }): Worker | undefined {
    return worker.successor?.id === id ? worker.successor.worker : undefined
  }

  #onExit(worker: Worker, exit: WorkerExit): void {
    this.workers.delete(worker)
    this.#events.onExit(worker)
    notifyPredecessor(worker, exit)
    worker.successor?.worker.losePredecessor()
    const slot = this.slots.find((each) => each.worker === worker)
    if (slot) this.#promoteSuccessor(slot, worker, describeExit(worker, exit))
  }

  /** A running successor takes the slot. Its predecessor no longer watches it, so the supervisor does. */
  #promoteSuccessor(slot: Slot, worker: Worker, why: string): void {
    const next = worker.successor?.worker
    if (next && this.workers.has(next)) {
      slot.worker = next
      slot.generation = next.generation
      if (next.servesSince === undefined) next.endUnlessReady(this.#parts.readyTimeoutMs)
    } else this.#replace(slot, worker, why)
  }

  #replace(slot: Slot, worker: Worker, why: string): void {
    slot.worker = undefined
    this.#launchLater(slot, `worker ${worker.pid} ${why}`, worker)
  }

  /** `ended` is absent if no worker could be started. */
  #launchLater(slot: Slot, why: string, ended?: Worker): void {
    if (this.isStopping) return
    this.#started.reject(new Error(why))
    if (!this.#hasStarted) return
    const pauseMs = slot.backoffAfter(ended)
    const when = pauseMs === 0 ? 'now' : `in ${pauseMs} ms`
    this.#parts.logger.error({ pauseMs }, `${why}; starting a replacement ${when}`)
    slot.timer = setTimeout(() => this.launch(slot), pauseMs)
  }
}

/** Ends the worker and resolves with its exit code: 0 for a worker that never served while others have. */
async function endForExitCode(worker: Worker, othersServed: boolean): Promise<number> {
  const isExtra = othersServed || worker.predecessor !== undefined
  const neverServed = isExtra && worker.servesSince === undefined
  const exit = await worker.end()
  return neverServed ? 0 : exitCodeOf(exit)
}
