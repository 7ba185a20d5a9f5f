/** One process in the line: it holds the state, and does what entering a state means. */
import { channel } from 'node:diagnostics_channel'
import { EventEmitter } from 'node:events'
import type net from 'node:net'
import { Tracker } from './connections/tracker.js'
import { deferred } from './deferred.js'
import { Drain } from './drain.js'
import type { HandoverError } from './errors.js'
import type { GracefulEvents, StateChange } from './handle.js'
import { answerHealth } from './health.js'
import { Hooks } from './hooks.js'
import { type LifecycleEvent, next, type State } from './lifecycle.js'
import { Listeners } from './listeners.js'
import { type Logger, silent } from './logger.js'
import type { Settings } from './options.js'
import type { Origin } from './origin.js'
import { removePidFile, writePidFile } from './pid-file.js'
import type { Platform } from './platform.js'
import { adoptAll, Predecessor, readOwnInheritance } from './predecessor.js'
import { type Awaited, Readiness } from './readiness.js'
import { Reload } from './reload.js'
import type { DrainReport, FinalReport, ReloadReport } from './report.js'
import { listenForSignals } from './signals.js'
import { activatedListeners, ServiceManager } from './systemd.js'

/** Diagnostics channels of the same names as the events, for tools that have no handle. */
const stateChannel = channel('handover:state')
const reportChannel = channel('handover:report')
/** How often a generation on probation says what it has open. */
const tellOpenMs = 50

export class Generation {
  readonly number: number
  readonly settings: Settings
  readonly origin: Origin
  readonly platform: Platform
  readonly logger: Logger
  readonly hooks: Hooks
  readonly tracker = new Tracker()
  readonly listeners: Listeners
  readonly serviceManager: ServiceManager
  readonly predecessor: Predecessor | undefined
  readonly events = new EventEmitter<GracefulEvents>()
  readonly #readiness = new Readiness()
  readonly #ready = deferred()
  readonly #undo: (() => void)[] = []
  #state: State = { name: 'starting' }
  #becomingReady: Promise<void> | undefined
  #leaving: Promise<DrainReport> | undefined
  #reload: Reload | undefined
  #predecessorGone = false
  #engaged = false

  /** Errors: `ERR_HANDOVER_INHERITANCE_…`, `ERR_HANDOVER_WIRE_VERSION`, `ERR_HANDOVER_BAD_DESCRIPTOR`. */
  constructor(settings: Settings, origin: Origin, platform: Platform) {
    const inheritance = readOwnInheritance(origin, platform)
    this.settings = settings
    this.origin = origin
    this.platform = platform
    this.number = inheritance?.generation ?? 1
    this.logger = settings.logger || silent
    this.hooks = new Hooks(settings.hookTimeoutMs, this.logger)
    this.serviceManager = new ServiceManager(platform, this.logger)
    this.listeners = new Listeners({
      inherited: inheritance ? adoptAll(inheritance.listeners) : activatedListeners(origin.activation),
      held: inheritance !== undefined,
      watchOnly: platform.unsupported() !== undefined,
      cwd: origin.cwd,
      observer: {
        onListen: (server) => this.#onListen(server),
        onListening: (server) => this.#onListening(server),
        onListenError: (server, error) => this.#onListenError(server, error),
      },
    })
    this.#ready.promise.catch(() => {})
    this.#undo.push(this.listeners.install(), this.tracker.install())
    this.predecessor = inheritance && this.#meet(inheritance)
  }

  get state(): State {
    return this.#state
  }

  /** What must listen before this generation is ready. */
  await(what: Awaited): void {
    this.#readiness.await(what)
    if ('nothing' in what && this.settings.ready === 'listening') setImmediate(() => this.#considerReady())
  }

  /** `handle.ready()`. */
  sayReady(): Promise<void> {
    if (this.settings.ready === 'manual') {
      this.#engage()
      void this.#becomeReady()
    }
    return this.#ready.promise
  }

  /** `handle.reload()`. */
  reload(): Promise<ReloadReport> {
    const reload = new Reload(this)
    const refusal = reload.refusal()
    if (refusal) return Promise.reject(refusal)
    this.#reload = reload
    return reload.run()
  }

  /** `handle.shutdown()`. */
  shutdown(): Promise<DrainReport> {
    const state = this.#state
    if (state.name === 'draining' && state.because === 'handed-over') {
      state.drain.becomeShutdown()
      this.dispatch({ name: 'shutdown', drain: state.drain })
    }
    if (!this.#leaving) {
      const drain = this.newDrain('shutdown')
      this.dispatch({ name: 'shutdown', drain })
      void this.serviceManager.stopping()
      const ended = state.name === 'handing-over' ? state.successor.end() : Promise.resolve()
      this.leave(drain, ended)
    }
    return this.#leaving as Promise<DrainReport>
  }

  /** The one place that assigns the state. Returns whether the event had a meaning. */
  dispatch(event: LifecycleEvent): boolean {
    const following = next(this.#state, event)
    if (!following) return false
    this.#state = following
    const change: StateChange = { ...told(following), generation: this.number, pid: this.platform.pid }
    this.logger.info({ ...change, connections: this.tracker.counts() }, inWords(change))
    this.events.emit('state', change)
    stateChannel.publish(change)
    return true
  }

  newDrain(because: 'handed-over' | 'shutdown'): Drain {
    return new Drain(because, {
      tracker: this.tracker,
      logger: this.logger,
      limits: this.settings,
      closeListeners: () => this.listeners.close({ forGood: because === 'shutdown' }),
    })
  }

  /** Drains, runs the hooks, exits. `before` is what must have ended before the process may. */
  leave(drain: Drain, before: Promise<void>, reload?: ReloadReport): void {
    this.#leaving = drain.run()
    void this.#leaving.then(async (drained) => {
      await before
      const final: FinalReport = {
        generation: this.number,
        pid: this.platform.pid,
        requests: this.tracker.requests,
        drain: drained,
        ...(reload ? { reload } : {}),
      }
      this.logger.info(
        { report: final },
        `drained in ${drained.ms} ms: ${drained.closed} connections closed, ${drained.cut.length} cut`,
      )
      this.events.emit('report', final)
      reportChannel.publish(final)
      await this.#reload?.successor?.deliver({ type: 'finished', report: final })
      const clean = await this.hooks.runDrained()
      this.#exit(drained.cut.length > 0 || drain.wasCutShort || !clean ? 1 : 0)
    })
  }

  /** The owner of `server` closes it himself: its connections hear of it, the process goes on. */
  releaseServer(server: net.Server): void {
    if (this.#state.name === 'starting' || this.#state.name === 'ready')
      this.tracker.startDrainingServer(server)
  }

  /** Takes every trace of us out of the process. */
  dispose(): void {
    for (const undo of this.#undo.splice(0)) undo()
    if (this.settings.pidFile) removePidFile(this.settings.pidFile, this.platform.pid)
  }

  #meet(inheritance: NonNullable<ReturnType<typeof readOwnInheritance>>): Predecessor {
    return new Predecessor(inheritance, this.platform, {
      onProven: () => this.#onProven(),
      onGone: () => {
        this.#predecessorGone = true
        this.#onProven()
      },
      onFinished: (report) => this.events.emit('predecessor-finished', report),
    })
  }

  #onListen(server: net.Server): void {
    this.tracker.track(server)
    if (this.settings.health) answerHealth(server, this.settings.health, () => this.#health())
  }

  #onListening(server: net.Server): void {
    this.#readiness.listening(server)
    this.#engage()
    this.#considerReady()
  }

  #onListenError(server: net.Server, error: Error): void {
    if (this.#state.name !== 'starting') return
    if (this.predecessor) void this.predecessor.sayFailed(error).then(() => this.#fatal(error))
    else if (this.#readiness.awaits(server)) this.#ready.reject(error)
  }

  #considerReady(): void {
    if (this.settings.ready === 'manual') return
    if (this.#readiness.complete) void this.#becomeReady()
    else this.#warnOfWrappedApplication()
  }

  #warnOfWrappedApplication(): void {
    const application = this.#readiness.missingApplication()
    if (!application) return
    const timer = setTimeout(() => {
      if (this.#state.name !== 'starting' || this.#becomingReady) return
      this.logger.warn(
        {},
        `a server listens, but none that serves this ${application} application itself: not ready. If the application is wrapped, use graceful(server) of @handover/core, or ready: 'manual'`,
      )
    }, 5_000)
    timer.unref()
  }

  /** From now on this process is a service: it takes signals. */
  #engage(): void {
    if (this.#engaged) return
    this.#engaged = true
    if (!this.platform.isMainThread) return
    const off = listenForSignals(
      this.platform,
      this.settings,
      {
        reload: (signal) => this.#reloadBySignal(signal),
        shutdown: (signal) => {
          this.logger.info({ signal }, `${signal}: shutting down`)
          void this.shutdown()
        },
        cutShort: (signal) => {
          this.logger.warn({ signal }, `${signal} again: cutting the drain short`)
          if (this.#state.name === 'draining') this.#state.drain.cutShort()
        },
      },
      this.logger,
    )
    this.#undo.push(off)
    this.origin.early.release()
  }

  #reloadBySignal(signal: string): void {
    this.reload().catch((error: HandoverError) => {
      // A failure was reported when it happened; what remains is a signal that came at the wrong time.
      if (!error.report) this.logger.warn({ signal, code: error.code }, `${signal} ignored: ${error.message}`)
    })
  }

  #becomeReady(): Promise<void> {
    this.#becomingReady ??= this.#prepare().catch((error: unknown) => this.#fatal(error))
    return this.#becomingReady
  }

  async #prepare(): Promise<void> {
    await this.hooks.runBeforeReady()
    if (this.#state.name !== 'starting') return
    this.listeners.release()
    const onProbation = this.predecessor !== undefined && !this.#predecessorGone
    this.dispatch({ name: 'ready', onProbation })
    void this.predecessor?.say({ type: 'ready' })
    if (onProbation) this.#tellWhatIsOpen()
    else this.#takeCharge()
    if (!this.predecessor) void this.serviceManager.ready(this.number)
    this.#ready.resolve()
  }

  /** What is lost if it dies now, for the predecessor's report. */
  #tellWhatIsOpen(): void {
    let told = 0
    const timer = setInterval(() => {
      if (this.#state.name !== 'ready' || !this.#state.onProbation) return clearInterval(timer)
      const { size } = this.tracker
      if (size !== told) void this.predecessor?.say({ type: 'open', connections: size })
      told = size
    }, tellOpenMs)
    timer.unref()
  }

  #onProven(): void {
    if (this.dispatch({ name: 'proven' })) this.#takeCharge()
  }

  /** Nobody can take back any more: this process is the service. */
  #takeCharge(): void {
    const unclaimed = this.listeners.unclaimed()
    if (unclaimed.length > 0)
      this.logger.info({ unclaimed }, `closing listeners that nobody asked for: ${unclaimed.join(', ')}`)
    this.listeners.closeUnclaimed()
    this.#writePidFile()
    void this.predecessor?.say({ type: 'took-over' })
    const kept = this.origin.early.signals.find((signal) =>
      this.settings.reloadSignals.includes(signal as NodeJS.Signals),
    )
    if (kept) this.#reloadBySignal(kept)
  }

  #writePidFile(): void {
    if (!this.settings.pidFile) return
    try {
      writePidFile(this.settings.pidFile, this.platform.pid)
    } catch (error) {
      this.logger.error({ err: error }, (error as Error).message)
    }
  }

  /** This generation cannot come up. */
  async #fatal(error: unknown): Promise<void> {
    this.#ready.reject(error)
    this.logger.error(
      { err: error },
      `generation ${this.number} cannot come up: ${(error as Error)?.message ?? error}`,
    )
    await this.predecessor?.sayFailed(error)
    this.platform.exit(1)
  }

  #exit(code: 0 | 1): void {
    this.dispatch({ name: 'drained', code })
    if (this.settings.pidFile) removePidFile(this.settings.pidFile, this.platform.pid)
    this.platform.exit(code)
  }

  #health(): { ready: boolean; state: string; generation: number } {
    const state = this.#state
    const serves = state.name === 'ready' || state.name === 'handing-over'
    return {
      ready: serves || (state.name === 'draining' && state.because === 'handed-over'),
      state: state.name,
      generation: this.number,
    }
  }
}

/** What of a state is told. */
function told(state: State): Pick<StateChange, 'state' | 'because' | 'onProbation'> {
  if (state.name === 'draining') return { state: state.name, because: state.because }
  return state.name === 'ready' && state.onProbation
    ? { state: state.name, onProbation: true }
    : { state: state.name }
}

function inWords({ generation, state, because, onProbation }: StateChange): string {
  if (because)
    return `generation ${generation} is draining, because ${because === 'shutdown' ? 'of a shutdown' : 'it handed over'}`
  return `generation ${generation} is ${state}${onProbation ? ', on probation' : ''}`
}
