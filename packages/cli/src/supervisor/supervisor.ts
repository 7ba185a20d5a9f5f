/**
 * Starts the workers, keeps so many of them running, holds their listeners, and relays between a worker and its
 * successor. How a handover goes is the affair of the two (core); which worker is next is roll.ts.
 */
import {
  type Command,
  type Deferred,
  deferred,
  errorData,
  type FromWorker,
  HandoverError,
  type Inheritance,
  type ListenerEntry,
  type Logger,
  platform,
  wireVersion,
} from '@handover/core/supervision'
import type { HeldListeners } from './held.js'
import { Roll } from './roll.js'
import { exitCodeOf, notTakingPart, Worker, type WorkerExit, whyEnded } from './worker.js'

/** A worker that was in charge for so long ran well: the next one starts at once. */
const wellMs = 10_000
const firstPauseMs = 1_000
const pauseFactor = 1.5
const longestPauseMs = 30_000
/** How far ahead of the others the first worker is: what it binds right after it was ready, they inherit. */
const aheadMs = 100
/** How long all must serve before what none of them asked for is closed. */
const settleMs = 5_000

type StartSuccessor = Extract<FromWorker, { type: 'start-successor' }>

export interface SupervisorParts {
  readonly workers: number
  /** Found anew for each start. Errors: why no worker can be started now. */
  readonly command: () => Command
  readonly readyTimeoutMs: number
  /** Of the command line: they win over those of the program. */
  readonly limits: { readonly readyTimeoutMs?: number; readonly drainTimeoutMs?: number }
  readonly held: HeldListeners
  readonly logger: Logger
  /** Whoever asked for it. */
  readonly onReload: (roll: Roll) => void
}

/** A place that is never empty for long. */
export class Slot {
  /** The service, or who comes up to be it. */
  worker: Worker | undefined
  /** Of the last worker that was started here. */
  generation = 0
  pauseMs = 0
  timer: NodeJS.Timeout | undefined
}

export class Supervisor {
  readonly parts: SupervisorParts
  readonly slots: readonly Slot[]
  readonly workers = new Set<Worker>()
  /** Called with every message of a worker, after it was acted on. */
  readonly observers = new Set<(worker: Worker, message: FromWorker) => void>()
  /** Settled by the very first worker: that it serves, or why not. */
  readonly #started: Deferred<void> = deferred()
  #hasStarted = false
  #roll: Roll | undefined
  #stopping: Promise<number> | undefined
  readonly #ended: Deferred<number> = deferred()
  #settled: NodeJS.Timeout | undefined

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
  reload(first?: Worker): Roll {
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
    const roll = new Roll(this, this.#started.promise, first)
    this.#roll = roll
    this.parts.onReload(roll)
    void roll.over.then(() => {
      this.#roll = undefined
      this.#considerSettled()
    })
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
      this.#endUnlessReady(worker)
    } catch (error) {
      const { message, cause } = error as Error
      this.#launchLater(slot, (cause as Error | undefined)?.message ?? message)
    }
  }

  async #stop(): Promise<number> {
    clearTimeout(this.#settled)
    for (const { timer } of this.slots) clearTimeout(timer)
    this.parts.held.letGo()
    const codes = await Promise.all([...this.workers].map(codeOf))
    this.parts.held.removeFiles()
    const code = Math.max(0, ...codes)
    this.#ended.resolve(code)
    return code
  }

  #spawn(given: Pick<Inheritance, 'generation' | 'signals' | 'listeners'>, predecessor?: Worker): Worker {
    const inheritance: Inheritance = {
      version: wireVersion,
      supervisor: { pid: platform.pid, ...this.parts.limits },
      ...(predecessor && { predecessor: predecessor.pid }),
      ...given,
    }
    const events = {
      onMessage: (worker: Worker, message: FromWorker, handle?: object) =>
        this.#onMessage(worker, message, handle),
      onExit: (worker: Worker, exit: WorkerExit) => this.#onExit(worker, exit),
    }
    const worker = new Worker(this.parts.command(), inheritance, events, predecessor)
    this.workers.add(worker)
    return worker
  }

  /** Nobody but us watches a worker without a predecessor. */
  #endUnlessReady(worker: Worker): void {
    const limitMs = worker.readyTimeoutMs ?? this.parts.readyTimeoutMs
    const timer = setTimeout(
      () => {
        if (worker.servesSince !== undefined) return
        const mayTakeLonger = (worker.readyTimeoutMs ?? limitMs) > limitMs
        if (!mayTakeLonger) worker.lateAfterMs = limitMs
        if (mayTakeLonger) this.#endUnlessReady(worker)
        else void worker.end()
      },
      worker.startedAt + limitMs - performance.now(),
    )
    void worker.exited.promise.then(() => clearTimeout(timer))
  }

  #onMessage(worker: Worker, message: FromWorker, handle: object | undefined): void {
    if (message.type === 'registered') this.#onRegistered(worker)
    else if (message.type === 'now') this.#onChange(worker)
    else if (message.type === 'stranger')
      this.parts.logger.warn({}, `worker ${worker.pid} listens, but is not waited for: ${notTakingPart}`)
    else if (message.type === 'listener') this.#onListener(worker, message.entry, handle)
    else if (message.type === 'serves') worker.serves = new Set(message.held)
    else if (message.type === 'closed') this.#onClosed(worker, message.held)
    else if (message.type === 'reload-wanted') this.#reloadFor(worker)
    else if (message.type === 'start-successor') this.#startSuccessor(worker, message)
    else if (message.type === 'signal-successor') this.#successorOf(worker, message)?.signal(message.signal)
    else if (message.type === 'to-successor')
      relay(message.message, handle, this.#successorOf(worker, message))
    for (const observe of this.observers) observe(worker, message)
    this.#considerSettled()
  }

  /** It hears us from now on: what happened before is told now. */
  #onRegistered(worker: Worker): void {
    if (this.isStopping) worker.say({ type: 'shutdown' })
    if (worker.isLeftAlone) worker.say({ type: 'predecessor-ended' })
    this.#offerListeners(worker)
  }

  #onChange(worker: Worker): void {
    if (worker.inCharge) this.#started.resolve()
    const slot = this.slots.find((each) => each.worker === worker)
    if (!slot || worker.now.state !== 'draining') return
    if (worker.now.because === 'shutdown') this.#replace(slot, worker, 'shuts down')
    else this.#succeed(slot, worker)
  }

  #onListener(worker: Worker, entry: ListenerEntry, handle: object | undefined): void {
    if (!handle) return
    this.parts.held.add(entry, handle)
    if (this.isStopping) this.parts.held.letGo()
    worker.has.add(entry.held ?? '')
    for (const each of this.workers) if (each.isRegistered && !each.isLeaving) this.#offerListeners(each)
  }

  #offerListeners(worker: Worker): void {
    for (const { entry, handle } of this.parts.held.later(worker.has)) {
      worker.has.add(entry.held)
      worker.say({ type: 'listener', entry }, handle)
    }
  }

  #onClosed(worker: Worker, held: string): void {
    worker.serves.delete(held)
    if (![...this.workers].some((each) => !each.isLeaving && each.serves.has(held))) this.#unlisten([held])
  }

  #unlisten(held: readonly string[]): void {
    this.parts.held.close(held)
    for (const worker of this.workers) worker.say({ type: 'unlisten', held })
  }

  /** When all have served for a while, what none of them asked for will not be asked for any more. */
  #considerSettled(): void {
    clearTimeout(this.#settled)
    if (this.isStopping || this.#roll || !this.slots.every(({ worker }) => worker?.inCharge)) return
    const served = new Set(this.slots.flatMap(({ worker }) => [...(worker?.serves ?? [])]))
    const unserved = this.parts.held.names.filter((name) => !served.has(name))
    if (unserved.length > 0) this.#settled = setTimeout(() => this.#unlisten(unserved), settleMs)
  }

  #reloadFor(worker: Worker): void {
    try {
      this.reload()
    } catch (error) {
      const { code, message } = error as HandoverError
      this.parts.logger.info({ code }, `worker ${worker.pid} asks for a reload: ${message}`)
    }
  }

  /** A program may reload itself: then the others follow. */
  #startSuccessor(worker: Worker, { successor: id, wanted }: StartSuccessor): void {
    try {
      if (!this.#roll?.isReplacing(worker)) this.reload(worker)
      const listeners = this.parts.held.entries(wanted.listeners)
      const successor = this.#spawn({ ...wanted, listeners }, worker)
      worker.successor = { id, worker: successor }
      if (successor.pid > 0) worker.say({ type: 'successor-started', successor: id, pid: successor.pid })
    } catch (error) {
      worker.say({ type: 'successor-refused', successor: id, error: errorData(error) })
    }
  }

  #successorOf(worker: Worker, { successor: id }: { readonly successor: number }): Worker | undefined {
    return worker.successor?.id === id ? worker.successor.worker : undefined
  }

  #onExit(worker: Worker, exit: WorkerExit): void {
    this.workers.delete(worker)
    tellPredecessor(worker, exit)
    worker.successor?.worker.leaveAlone()
    const slot = this.slots.find((each) => each.worker === worker)
    if (!slot) return
    if (worker.successor && this.workers.has(worker.successor.worker)) this.#succeed(slot, worker)
    else this.#replace(slot, worker, whyEnded(worker, exit))
  }

  /** Its successor is the service, or will be: nobody else waits for that any more. */
  #succeed(slot: Slot, { successor }: Worker): void {
    if (!successor) return
    slot.worker = successor.worker
    slot.generation = successor.worker.generation
    if (successor.worker.servesSince === undefined) this.#endUnlessReady(successor.worker)
  }

  #replace(slot: Slot, worker: Worker, why: string): void {
    slot.worker = undefined
    const ranWell = worker.servesSince !== undefined && performance.now() - worker.servesSince >= wellMs
    if (ranWell) slot.pauseMs = 0
    this.#launchLater(slot, `worker ${worker.pid} ${why}`, ranWell)
  }

  #launchLater(slot: Slot, why: string, atOnce = false): void {
    if (this.isStopping) return
    this.#started.reject(new Error(why))
    if (!this.#hasStarted) return
    if (!atOnce) slot.pauseMs = Math.min(longestPauseMs, slot.pauseMs * pauseFactor || firstPauseMs)
    const when = slot.pauseMs === 0 ? 'at once' : `in ${slot.pauseMs} ms`
    this.parts.logger.error({ pauseMs: slot.pauseMs }, `${why}; another one is started ${when}`)
    slot.timer = setTimeout(() => this.launch(slot), slot.pauseMs)
  }
}

/** A successor that was not ready yet had no part in the service: it was told to end, and has. */
async function codeOf(worker: Worker): Promise<number> {
  const hadNoPart = worker.predecessor !== undefined && worker.servesSince === undefined
  const exit = await worker.end()
  return hadNoPart ? 0 : exitCodeOf(exit)
}

function closeHandle(handle: object | undefined): void {
  ;(handle as { close?: () => void } | undefined)?.close?.()
}

function relay(message: unknown, handle: object | undefined, successor: Worker | undefined): void {
  if (successor) successor.post(message as object, handle, () => closeHandle(handle))
  else closeHandle(handle)
}

function tellPredecessor(worker: Worker, { code, signal, error }: WorkerExit): void {
  const { predecessor } = worker
  const successor = predecessor?.successor
  if (!predecessor || successor?.worker !== worker) return
  const message = `The successor could not be started: ${error?.message}. This generation keeps serving.`
  predecessor.say(
    error
      ? { type: 'successor-refused', successor: successor.id, error: { name: 'Error', message } }
      : { type: 'successor-ended', successor: successor.id, code, signal },
  )
}
