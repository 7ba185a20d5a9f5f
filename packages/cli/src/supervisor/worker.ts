/** One process that the supervisor has started: what it says, what it is told, how it ends. */
import type { ChildProcess, SendHandle } from 'node:child_process'
import {
  type Deferred,
  deferred,
  type ErrorData,
  envelope,
  type FinalReport,
  type FromSupervisor,
  type FromWorker,
  type Inheritance,
  longestMs,
  platform,
  readWorkerMessages,
  spawnSuccessor,
  unlessAborted,
  within,
  withLimit,
} from '@handover/core/supervision'
import type { ReleaseCommand } from './release-command.js'

/** How long after its channel closes a worker may take to exit. */
const exitMs = 1_000
/** How long a worker may take to end beside what it says that its drain and its hooks may take. */
const endMs = 5_000
/** How long its exit may take after it was cut short: hooks then have 250 ms (C67). */
const cutShortMs = 2_000

export interface WorkerExit {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  /** It could not be started. */
  readonly error?: Error
}

export interface WorkerEvents {
  onMessage(worker: Worker, message: FromWorker, handle: object | undefined): void
  /** It sent a message that no release of Handover sends. */
  onWrong(worker: Worker, what: string): void
  onExit(worker: Worker, exit: WorkerExit): void
}

type Now = Extract<FromWorker, { type: 'now' }>
type Registered = Extract<FromWorker, { type: 'registered' }>

export class Worker {
  readonly generation: number
  /** The one that it replaces, as long as that runs. */
  predecessor: Worker | undefined
  /** By which it knows its latest successor, and that one. */
  successor: { readonly id: number; readonly worker: Worker } | undefined
  now: Pick<Now, 'state' | 'because' | 'onProbation'> = { state: 'starting' }
  isRegistered = false
  /** Its predecessor has ended. */
  isLeftAlone = false
  /** When it was in charge first, by `performance.now()`. */
  servesSince: number | undefined
  readonly startedAt = performance.now()
  readyTimeoutMs: number | undefined
  reloadMs = 0
  /** It is ended for not having been ready by then. */
  lateAfterMs: number | undefined
  /** Names of the listeners that it serves, and of those that it has. */
  serves = new Set<string>()
  readonly has: Set<string>
  /** How many connections it could give to another one, as soon as it has told. */
  shareable: number | undefined
  /** The error that ended it, where it could tell. */
  told: ErrorData | undefined
  /** The command that starts its release again. */
  readonly command: ReleaseCommand
  /** How its drain went. */
  report: FinalReport | undefined
  readonly exited: Deferred<WorkerExit> = deferred<WorkerExit>()
  readonly #child: ChildProcess
  readonly #events: WorkerEvents
  /** Who waits for a message; told of none when it has ended. */
  readonly #hearing = new Set<(message: FromWorker | undefined) => void>()
  #mayTake = { drainMs: 0, hooksMs: 0 }
  #ending: Promise<WorkerExit> | undefined
  readonly #cut = new AbortController()

  /** Descriptors in `inheritance` are those of this process. Errors: `ERR_HANDOVER_SPAWN`. */
  constructor(command: ReleaseCommand, inheritance: Inheritance, events: WorkerEvents, predecessor?: Worker) {
    this.command = command
    this.generation = inheritance.generation
    this.predecessor = predecessor
    this.has = new Set(inheritance.listeners.flatMap(({ held }) => held ?? []))
    this.#events = events
    this.#child = spawnSuccessor(platform, command, inheritance)
    readWorkerMessages(this.#child, {
      onMessage: (message, handle) => this.#onMessage(message, handle),
      onForeign: (raw, error) => this.#hand(raw, error),
      onWrong: (what) => events.onWrong(this, what),
    })
    this.#child.on('error', (error) => this.pid === 0 && this.#onExit({ code: null, signal: null, error }))
    this.#child.on('exit', (code, signal) => this.#onExit({ code, signal }))
    this.#child.on('disconnect', () => this.#onDisconnect())
  }

  /** 0: it could not be started. */
  get pid(): number {
    return this.#child.pid ?? 0
  }

  /** Whether it is the service, or a part of it: ready, and proven. */
  get inCharge(): boolean {
    const { state, onProbation } = this.now
    return state === 'handing-over' || (state === 'ready' && !onProbation)
  }

  get isLeaving(): boolean {
    return this.now.state === 'draining' || this.now.state === 'exited'
  }

  say(message: FromSupervisor, handle?: object): void {
    if (this.isRegistered) this.post(envelope<FromSupervisor>(message), handle)
  }

  /** What one of its next messages comes to, as soon as that is something; `undefined` when it has ended before. */
  heard<T>(find: (message: FromWorker) => T | undefined): Promise<T | undefined> {
    if (this.now.state === 'exited') return Promise.resolve(undefined)
    return new Promise((resolve) => {
      const hear = (message: FromWorker | undefined) => {
        const what = message && find(message)
        if (message && what === undefined) return
        this.#hearing.delete(hear)
        resolve(what)
      }
      this.#hearing.add(hear)
    })
  }

  leaveAlone(): void {
    this.predecessor = undefined
    this.isLeftAlone = true
    this.say({ type: 'predecessor-ended' })
  }

  post(message: object, handle?: object, done: () => void = () => {}): void {
    if (this.#child.connected) this.#child.send(message, handle as SendHandle | undefined, {}, done)
    else done()
  }

  signal(signal: NodeJS.Signals): void {
    this.#child.kill(signal)
  }

  /**
   * Drains and ends it; one that takes no notice is killed at its limit. Told over the channel: a signal may have
   * reached it already, from a terminal, and would count twice.
   */
  end(): Promise<WorkerExit> {
    this.#ending ??= this.#end()
    return this.#ending
  }

  /** Nobody else watches a worker without a predecessor. Its own limit counts, where it has told it. */
  endUnlessReady(limitMs: number): void {
    const ms = this.readyTimeoutMs ?? limitMs
    const timer = setTimeout(
      () => {
        if (this.servesSince !== undefined) return
        // It may have told it meanwhile.
        if ((this.readyTimeoutMs ?? ms) > ms) return this.endUnlessReady(ms)
        this.lateAfterMs = ms
        void this.end()
      },
      Math.min(this.startedAt + ms - performance.now(), longestMs),
    )
    void this.exited.promise.then(() => clearTimeout(timer))
  }

  /** Ends it now: the worker cuts open connections and running hooks. */
  cutShort(): void {
    void this.end()
    this.say({ type: 'cut-short' })
    this.#cut.abort()
  }

  async #end(): Promise<WorkerExit> {
    if (this.isRegistered && this.#child.connected) this.say({ type: 'shutdown' })
    else this.signal('SIGTERM')
    const { drainMs, hooksMs } = this.#mayTake
    await this.#exitWithin(drainMs + hooksMs + endMs, this.#cut.signal)
    if (this.#cut.signal.aborted) await this.#exitWithin(cutShortMs)
    this.signal('SIGKILL')
    return this.exited.promise
  }

  /** Resolves when it has ended, the time is over, or `signal` aborts. */
  async #exitWithin(ms: number, ...signals: readonly AbortSignal[]): Promise<void> {
    const cut = (limit: AbortSignal) => AbortSignal.any([limit, ...signals])
    await withLimit(ms, (limit) => unlessAborted(this.exited.promise, cut(limit))).catch(() => {})
  }

  #onMessage(message: FromWorker, handle: object | undefined): void {
    if (message.type === 'registered') this.#register(message)
    else if (message.type === 'now') this.#change(message)
    else if (message.type === 'drained') this.report = message.report
    this.#events.onMessage(this, message, handle)
    for (const hear of this.#hearing) hear(message)
  }

  /** What is not for us is for its predecessor. */
  #hand(message: unknown, error: ErrorData | undefined): void {
    this.told ??= error
    const { predecessor } = this
    const successor = predecessor?.successor
    if (predecessor && successor?.worker === this) {
      predecessor.say({ type: 'from-successor', successor: successor.id, message })
    }
  }

  #register({ readyTimeoutMs, reloadMs, drainMs, hooksMs }: Registered): void {
    this.isRegistered = true
    this.readyTimeoutMs = readyTimeoutMs
    this.reloadMs = reloadMs
    this.#mayTake = { drainMs, hooksMs }
  }

  #change({ state, because, onProbation, drainMs, hooksMs }: Now): void {
    this.now = { state, ...(because && { because }), ...(onProbation && { onProbation }) }
    this.#mayTake = { drainMs, hooksMs }
    if (this.inCharge) this.servesSince ??= performance.now()
  }

  /** Most likely it has exited. A worker that keeps running cannot get orders any more, so it is replaced. */
  #onDisconnect(): void {
    void within(exitMs, this.exited.promise).catch(() => {
      this.told ??= { name: 'Error', message: 'it closed its channel to the supervisor' }
      void this.end()
    })
  }

  #onExit(exit: WorkerExit): void {
    this.now = { state: 'exited' }
    this.exited.resolve(exit)
    for (const hear of this.#hearing) hear(undefined)
    this.#events.onExit(this, exit)
  }
}
