/** One process that the supervisor has started: the messages it sends and receives, and its exit. */
import type { ChildProcess, SendHandle } from 'node:child_process'
import {
  type Deferred,
  deferred,
  dispatchPart,
  type ErrorData,
  envelope,
  type FromSupervisor,
  type FromWorker,
  type Inheritance,
  type MessageHandlers,
  maxTimerMs,
  platform,
  readWorkerMessages,
  spawnSuccessor,
  timeout,
  unlessAborted,
  withTimeout,
} from '@handover/core/supervision'
import type { ReleaseCommand } from './release-command.js'
import type { WorkerExit } from './worker-exit.js'
import type { MessageOf, Recorded } from './worker-messages.js'

/** How long after its channel closes a worker may take to exit. */
const exitMs = 1_000
/** How long a worker may take to exit, beyond the limits that it reported for its drain and its hooks. */
const endMs = 5_000
/** How long a worker may take to exit after its drain was cut short: its hooks then have 250 ms (C67). */
const cutShortMs = 2_000

export interface WorkerEvents {
  onMessage(worker: Worker, message: FromWorker, handle: object | undefined): void
  /** Called with each message that is for the worker's predecessor. */
  onForeign(worker: Worker, message: unknown): void
  /** Called with a description of a message that no release of Handover sends. */
  onWrong(worker: Worker, what: string): void
  onExit(worker: Worker, exit: WorkerExit): void
}

/** A worker as other files see it: only {@link WorkerProcess} assigns its fields. */
export type Worker = Readonly<WorkerProcess>

export class WorkerProcess {
  readonly generation: number
  /** Starts the release of this worker again. */
  readonly command: ReleaseCommand
  /** The worker that this one replaces; `undefined` after that worker has exited. */
  predecessor: Worker | undefined
  hasLostPredecessor = false
  /** The latest successor, and the number that this worker assigned to it. */
  successor: { readonly id: number; readonly worker: Worker } | undefined
  lifecycle: Pick<MessageOf<'state'>, 'state' | 'because' | 'onProbation'> = { state: 'starting' }
  isRegistered = false
  /** When this worker first owned the service, by `performance.now()`. */
  servesSince: number | undefined
  /** How long a reload may take, according to the worker. */
  reloadMs = 0
  /** The limit that passed before the worker was ready. The supervisor then ended the worker. */
  timedOutAfterMs: number | undefined
  /** Names of the listeners that this worker serves. */
  serves: ReadonlySet<string> = new Set()
  /** The error that ended the worker, if it could report one. */
  reportedError: ErrorData | undefined
  /** How the worker's drain ended. */
  report: MessageOf<'drained'>['report'] | undefined
  readonly #exited: Deferred<WorkerExit> = deferred()
  readonly exited: Promise<WorkerExit> = this.#exited.promise
  readonly #child: ChildProcess
  readonly #events: WorkerEvents
  readonly #startedAt = performance.now()
  #readyTimeoutMs: number | undefined
  #drainAndHooksMs = 0
  /** Names of the listeners that this worker has, whether it serves them or not. */
  readonly #listeners: Set<string>
  /** Called with each message, and with `undefined` when the worker has exited. */
  readonly #waiting = new Set<(message: FromWorker | undefined) => void>()
  #end: Promise<WorkerExit> | undefined
  readonly #cut = new AbortController()
  readonly #handlers: MessageHandlers<Recorded> = {
    registered: ({ readyTimeoutMs, reloadMs, drainMs, hooksMs }) => {
      this.isRegistered = true
      this.#readyTimeoutMs = readyTimeoutMs
      this.reloadMs = reloadMs
      this.#drainAndHooksMs = drainMs + hooksMs
    },
    state: ({ state, because, onProbation, drainMs, hooksMs }) => {
      this.lifecycle = { state, ...(because && { because }), ...(onProbation && { onProbation }) }
      this.#drainAndHooksMs = drainMs + hooksMs
      if (this.ownsService) this.servesSince ??= performance.now()
    },
    serves: ({ held }) => {
      this.serves = new Set(held)
    },
    closed: ({ held }) => {
      this.serves = new Set([...this.serves].filter((name) => name !== held))
    },
    drained: ({ report }) => {
      this.report = report
    },
  }

  /** Descriptors in `inheritance` are those of this process. Errors: `ERR_HANDOVER_SPAWN`. */
  constructor(command: ReleaseCommand, inheritance: Inheritance, events: WorkerEvents, predecessor?: Worker) {
    this.command = command
    this.generation = inheritance.generation
    this.predecessor = predecessor
    this.#listeners = new Set(inheritance.listeners.flatMap(({ held }) => held ?? []))
    this.#events = events
    this.#child = spawnSuccessor(platform, command, inheritance)
    readWorkerMessages(this.#child, {
      onMessage: (message, handle) => this.#onMessage(message, handle),
      onForeign: (message, error) => {
        this.reportedError ??= error
        events.onForeign(this, message)
      },
      onWrong: (what) => events.onWrong(this, what),
    })
    this.#child.on('error', (error) => this.pid === 0 && this.#onExit({ code: null, signal: null, error }))
    this.#child.on('exit', (code, signal) => this.#onExit({ code, signal }))
    this.#child.on('disconnect', () => this.#onDisconnect())
  }

  /** 0 if the process could not be started. */
  get pid(): number {
    return this.#child.pid ?? 0
  }

  /** Whether this worker is the service or a part of it: it serves, and is not on probation. */
  get ownsService(): boolean {
    const { state, onProbation } = this.lifecycle
    return state === 'handing-over' || (state === 'ready' && !onProbation)
  }

  get isLeaving(): boolean {
    return this.lifecycle.state === 'draining' || this.hasExited
  }

  get hasExited(): boolean {
    return this.lifecycle.state === 'exited'
  }

  hasListener(name: string): boolean {
    return this.#listeners.has(name)
  }

  addListener(name: string): void {
    this.#listeners.add(name)
  }

  setSuccessor(id: number, worker: Worker): void {
    this.successor = { id, worker }
  }

  losePredecessor(): void {
    this.predecessor = undefined
    this.hasLostPredecessor = true
    this.send({ type: 'predecessor-ended' })
  }

  send(message: FromSupervisor, handle?: object): void {
    if (this.isRegistered) this.sendRaw(envelope<FromSupervisor>(message), handle)
  }

  sendRaw(message: object, handle?: object, onSent: () => void = () => {}): void {
    if (this.#child.connected) this.#child.send(message, handle as SendHandle | undefined, {}, onSent)
    else onSent()
  }

  /** Resolves with the first result of `find` for a later message, or with `undefined` when the worker exits. */
  waitFor<T>(find: (message: FromWorker) => T | undefined): Promise<T | undefined> {
    if (this.hasExited) return Promise.resolve(undefined)
    return new Promise((resolve) => {
      const check = (message: FromWorker | undefined) => {
        const found = message && find(message)
        if (message && found === undefined) return
        this.#waiting.delete(check)
        resolve(found)
      }
      this.#waiting.add(check)
    })
  }

  signal(signal: NodeJS.Signals): void {
    this.#child.kill(signal)
  }

  /** Drains and ends the worker; kills it at its limit. Prefers a message: a terminal may have sent a signal already. */
  end(): Promise<WorkerExit> {
    this.#end ??= this.#drainAndExit()
    return this.#end
  }

  /** Ends the worker unless it becomes ready in time. The worker's own limit applies once it has reported one. */
  endUnlessReady(limitMs: number): void {
    const ms = this.#readyTimeoutMs ?? limitMs
    const leftMs = Math.min(this.#startedAt + ms - performance.now(), maxTimerMs)
    const timer = setTimeout(() => {
      if (this.servesSince !== undefined) return
      // The worker may have reported a longer limit in the meantime.
      if ((this.#readyTimeoutMs ?? ms) > ms) return this.endUnlessReady(ms)
      this.timedOutAfterMs = ms
      void this.end()
    }, leftMs)
    void this.exited.then(() => clearTimeout(timer))
  }

  /** Cuts the drain short: the worker cuts its open connections and running hooks, and exits. */
  cutShort(): void {
    void this.end()
    this.send({ type: 'cut-short' })
    this.#cut.abort()
  }

  async #drainAndExit(): Promise<WorkerExit> {
    if (this.isRegistered && this.#child.connected) this.send({ type: 'shutdown' })
    else this.signal('SIGTERM')
    await this.#exitWithin(this.#drainAndHooksMs + endMs, this.#cut.signal)
    if (this.#cut.signal.aborted) await this.#exitWithin(cutShortMs)
    this.signal('SIGKILL')
    return this.exited
  }

  /** Resolves when the worker has exited, after `ms`, or when one of `signals` aborts. */
  async #exitWithin(ms: number, ...signals: readonly AbortSignal[]): Promise<void> {
    const cut = (limit: AbortSignal) => AbortSignal.any([limit, ...signals])
    await withTimeout(ms, (limit) => unlessAborted(this.exited, cut(limit))).catch(() => {})
  }

  #onMessage(message: FromWorker, handle: object | undefined): void {
    dispatchPart(message, this.#handlers, handle)
    this.#events.onMessage(this, message, handle)
    for (const check of this.#waiting) check(message)
  }

  /** Usually the worker has exited. If it still runs, it can no longer receive orders, so the supervisor replaces it. */
  #onDisconnect(): void {
    void timeout(exitMs, this.exited).catch(() => {
      this.reportedError ??= { name: 'Error', message: 'it closed its channel to the supervisor' }
      void this.end()
    })
  }

  #onExit(exit: WorkerExit): void {
    this.lifecycle = { state: 'exited' }
    this.#exited.resolve(exit)
    for (const check of this.#waiting) check(undefined)
    this.#events.onExit(this, exit)
  }
}
