/** One process in the line. It holds the state, in one place, and the parts that do what the states mean. */
import { channel } from 'node:diagnostics_channel'
import { EventEmitter } from 'node:events'
import type net from 'node:net'
import type { HandoverError } from '../base/errors.js'
import type { GracefulEvents, StateChange } from '../base/events.js'
import { currentLogger, type Logger, silent } from '../base/logger.js'
import { ReloadRequests } from '../base/reload-requests.js'
import type { ReloadReport, ShutdownReport } from '../base/report.js'
import type { Agreed, GracefulOptions, Settings } from '../base/settings.js'
import { Tracker } from '../connections/tracker.js'
import { activatedListeners } from '../listeners/activation.js'
import { adoptAll } from '../listeners/inherited.js'
import { Listeners } from '../listeners/listeners.js'
import { withoutHandleQueue } from '../platform/ipc-channel.js'
import type { Origin } from '../platform/launch-context.js'
import { PidFile } from '../platform/pid-file.js'
import type { Platform } from '../platform/process.js'
import { keepSignals, listenForSignals } from '../platform/signals.js'
import { ServiceManager } from '../platform/systemd-notify.js'
import type { Inheritance, SupervisorEntry } from '../protocol/inheritance.js'
import { readOwnInheritance } from '../succession/own-inheritance.js'
import { Predecessor } from '../succession/predecessor.js'
import type { Successor } from '../succession/successor.js'
import { Arrivals } from '../transfer/incoming.js'
import type { Mover } from '../transfer/mover.js'
import { Supervisor, supervisedSettings } from '../worker/supervisor-link.js'
import { Control } from './control-target.js'
import { DrainingLimit } from './draining-limit.js'
import { Leaving } from './exit.js'
import { GenerationHealth } from './generation-health.js'
import { Hooks } from './hooks.js'
import { applyAdded } from './late-options.js'
import { attachLate, lateServer } from './late-server.js'
import { type LifecycleEvent, next, type State } from './lifecycle.js'
import type { Awaited } from './readiness.js'
import { Reload } from './reload.js'
import { ServerDrains } from './server-drain.js'
import { Startup } from './startup.js'
import { inWords, told } from './state-change.js'

/** For tools that have no handle. */
const stateChannel = channel('handover:state')

export class Generation {
  readonly number: number
  readonly origin: Origin
  readonly platform: Platform
  readonly logger: Logger
  readonly hooks: Hooks
  readonly serviceManager: ServiceManager
  readonly pidFile: PidFile
  readonly listeners: Listeners
  readonly tracker = new Tracker()
  readonly events = new EventEmitter<GracefulEvents>()
  readonly startup: Startup
  readonly control: Control
  readonly arrivals: Arrivals
  readonly supervisor: Supervisor | undefined
  readonly predecessor: Predecessor | undefined
  readonly serverDrains = new ServerDrains(this)
  readonly drainingLimit = new DrainingLimit(this)
  readonly health = new GenerationHealth(this)
  readonly #leaving: Leaving
  readonly #reloadRequests: ReloadRequests
  /** The settings for the options of the program. Under a supervisor its limits override them. */
  readonly #inForce: (settings: Settings) => Settings
  #given: GracefulOptions
  #settings: Settings
  readonly #undo: (() => void)[] = []
  #state: State = { name: 'starting' }
  #stopSignals: (() => void) | undefined
  /** Stops keeping signals, and returns the kept ones. */
  #keptSignals: (() => readonly string[]) | undefined
  #keptSignal: string | undefined

  /** Errors: `ERR_HANDOVER_INHERITANCE_…`, `ERR_HANDOVER_WIRE_VERSION`, `ERR_HANDOVER_BAD_DESCRIPTOR`. */
  constructor({ given, settings }: Agreed, origin: Origin, platform: Platform) {
    const inheritance = readOwnInheritance(origin, platform)
    const entry = inheritance?.supervisor
    this.#inForce = (all) => (entry ? supervisedSettings(all, entry) : all)
    this.#given = given
    this.#settings = this.#inForce(settings)
    this.origin = origin
    this.platform = platform
    this.number = inheritance?.generation ?? 1
    this.logger = currentLogger(() => this.settings.logger || silent)
    this.hooks = new Hooks(() => this.settings.hookTimeoutMs, this.logger)
    this.serviceManager = new ServiceManager(platform, this.logger)
    this.pidFile = new PidFile(() => this.settings.pidFile, platform.pid)
    this.events.on('state', (change) => this.#watchdog(change))
    this.listeners = this.#takeListeners(inheritance)
    this.startup = new Startup(this)
    this.control = new Control(this)
    this.arrivals = new Arrivals({
      tracker: this.tracker,
      logger: this.logger,
      serverOf: (listener) => this.listeners.serverOf(listener),
    })
    this.#leaving = new Leaving(this)
    this.#reloadRequests = new ReloadRequests((signal) => this.#startRequested(signal), this.logger)
    this.undoAtEnd(() => this.#reloadRequests.cancel())
    this.#undo.push(this.listeners.install(), this.tracker.install(), () => this.control.close())
    this.supervisor = inheritance?.supervisor && this.#worksFor(inheritance.supervisor)
    this.supervisor?.start()
    this.predecessor = inheritance && this.#meet(inheritance)
    this.#keepSignals()
    this.#undo.push(
      () => void this.#keptSignals?.(),
      () => this.#stopSignals?.(),
    )
  }

  get state(): State {
    return this.#state
  }

  /** The options in force. A later registration may set what no earlier one has set. */
  get settings(): Settings {
    return this.#settings
  }

  /** The options that the program set. */
  get given(): GracefulOptions {
    return this.#given
  }

  /** Applies the options of all registrations, after one more. */
  applyOptions({ given, settings }: Agreed): void {
    const before = this.settings
    this.#given = given
    this.#settings = this.#inForce(settings)
    applyAdded(this, before)
  }

  /** The one place that assigns the state. Returns whether the event had a meaning. */
  dispatch(event: LifecycleEvent): boolean {
    const following = next(this.#state, event)
    if (!following) return false
    this.#state = following
    const change = { ...told(following), generation: this.number, pid: this.platform.pid }
    this.logger.info({ ...change, connections: this.tracker.counts() }, inWords(change))
    this.tell('state', change)
    stateChannel.publish(change)
    return true
  }

  /** Tells observers. One that throws is an error in the log, not the end of a reload. */
  tell<Name extends keyof GracefulEvents>(event: Name, ...facts: GracefulEvents[Name]): void {
    for (const observe of (this.events as EventEmitter).listeners(event)) {
      try {
        observe(...facts)
      } catch (error) {
        const why = (error as Error)?.message ?? error
        this.logger.error({ err: error }, `an observer of '${event}' threw: ${why}`)
      }
    }
  }

  await(what: Awaited): void {
    const late = lateServer(what, this)
    this.startup.await(what)
    if (late) attachLate(this, late)
  }

  /** `handle.ready()`. */
  sayReady(): Promise<void> {
    if (this.settings.ready === 'manual') this.startup.begin()
    return this.startup.ready
  }

  /** `handle.reload()`. */
  reload(): Promise<ReloadReport> {
    const reload = new Reload(this)
    const refusal = reload.refusal()
    if (refusal) return Promise.reject(refusal)
    this.#reloadRequests.begin()
    const reloading = reload.run()
    const again = () => {
      const signal = this.#reloadRequests.end()
      if (signal) this.#reloadBySignal(signal)
    }
    reloading.then(again, again)
    return reloading
  }

  /** `handle.shutdown()`; `signal` requested it, if one did. */
  shutdown(signal?: string): Promise<ShutdownReport> {
    return this.#leaving.shutdown(signal)
  }

  /** `reload` has ended well. */
  leaveTo(successor: Successor, mover: Mover | undefined, report: ReloadReport): void {
    this.#leaving.handOver(successor, mover, report)
  }

  /** The successor has died: as {@link Leaving.serveAgain}. */
  serveAgain(listen: () => void): number | undefined {
    const lost = this.#leaving.serveAgain(listen)
    if (lost !== undefined) this.control.serveAgain()
    return lost
  }

  /** Ends the drain now. */
  cutShort(): void {
    if (this.#state.name === 'draining') this.#state.drain.cutShort()
  }

  /** `undo` is called when this generation lets go of the process. */
  undoAtEnd(undo: () => void): void {
    this.#undo.push(undo)
  }

  /** A reload signal that came before this process was in charge is not lost: however many, it is one reload. */
  takeKeptSignal(): void {
    const signal =
      this.#keptSignal ?? this.settings.reloadSignals.find((each) => this.origin.early.signals.includes(each))
    if (signal) this.#reloadBySignal(signal)
  }

  /** He has closed it. Returns whether it was the last one: then every trace of us is out of the process. */
  forgetServer(server: net.Server): boolean {
    const { name } = this.#state
    const last = this.startup.forget(server)
    if (!last || (name !== 'starting' && name !== 'ready')) return false
    this.letGo()
    return true
  }

  /** This process owns the service. While a reload runs, the file is the successor's to write. */
  writePidFile(): void {
    this.pidFile.keepTrying(this.logger, () => this.#state.name === 'ready')
  }

  /** The process continues without Handover: removes every global. */
  letGo(): void {
    for (const undo of this.#undo.splice(0)) undo()
    this.pidFile.remove()
  }

  /** The process that owns the service pings, even while it drains for a shutdown. */
  #watchdog({ state, because, onProbation }: StateChange): void {
    if (state === 'ready' && !onProbation) this.serviceManager.keepAlive()
    if (because === 'handed-over') this.serviceManager.stopPings()
  }

  #takeListeners(inheritance: Inheritance | undefined): Listeners {
    return new Listeners({
      inherited: inheritance ? adoptAll(inheritance.listeners) : activatedListeners(this.origin.activation),
      paused: inheritance !== undefined,
      tolerated: inheritance?.unavailable ?? [],
      watchOnly: this.platform.unsupported() !== undefined,
      cwd: this.origin.cwd,
      observer: {
        onListen: (server) => this.#onListen(server),
        onListening: (server) => {
          this.takeSignals()
          this.supervisor?.keepListeners()
          this.startup.onListening(server)
        },
        onClosed: (server) => {
          this.startup.onClosed(server)
          this.tracker.closed(server)
        },
        onListenError: (server, error) => this.startup.onListenError(server, error),
      },
    })
  }

  #worksFor(entry: SupervisorEntry): Supervisor {
    const { platform, logger, listeners, tracker, arrivals, events, control, hooks } = this
    return new Supervisor(entry, {
      ...{ platform, logger, listeners, tracker, arrivals, events },
      orders: {
        reload: (progress) => control.reload(progress),
        stop: (progress) => void control.stop(progress),
        shutdown: () => void this.shutdown(),
        cutShort: () => this.cutShort(),
        // The processes before and after this one report their own status.
        status: () => control.status().generations[0],
      },
      settings: () => this.settings,
      given: () => this.given,
      hooks: () => ({ beforeDrain: hooks.beforeDrain.length, drained: hooks.drained.length }),
      isEnding: () => this.#state.name === 'draining' || this.#state.name === 'exited',
      predecessorEnded: () => this.predecessor?.end(),
      undoAtEnd: (undo) => this.undoAtEnd(undo),
    })
  }

  #meet({ predecessor, predecessorStart, supervisor, generation }: Inheritance): Predecessor | undefined {
    if (predecessor === undefined) return undefined
    const process = { pid: predecessor, start: predecessorStart }
    const channel = this.platform.channel()
    // Duplicates of the listeners go over it.
    if (channel && !supervisor) withoutHandleQueue(channel)
    return new Predecessor(process, generation - 1, this.platform, {
      onTakeOver: () => this.startup.onTakeOver(),
      onOwn: () => this.startup.onOwn(),
      onLetGo: () => this.startup.onLetGo(),
      onTakenBack: () => {
        this.logger.info({ predecessor }, `predecessor ${predecessor} keeps the service: shutting down`)
        void this.shutdown()
      },
      onEnded: () => {
        this.arrivals.close()
        this.startup.onPredecessorEnded()
      },
      onConnection: (message, handle) => this.arrivals.arrive(message, handle),
      onLate: (id, data) => this.arrivals.arriveLate(id, data),
      onFinished: (report) => this.tell('predecessor-finished', report),
      onStatus: (message) => {
        this.control.onPredecessorStatus(message)
        this.drainingLimit.consider(message.generations)
      },
      onReloadAgain: (signal) => this.#reloadBySignal(signal),
      onControlClient: (handle, client) => this.control.onClient(handle, client),
    })
  }

  #onListen(server: net.Server): void {
    this.tracker.track(server)
    this.health.answer(server)
  }

  /** From the first listener on, or once it comes up without one, this process is a service. Until then its signals are its own. */
  takeSignals(): void {
    if (this.#stopSignals || !this.platform.isMainThread) return
    this.#listenForSignals(this.#keptSignals?.())
    this.origin.early.release()
  }

  /** Other signals mean a reload, or a shutdown, from now on. */
  changeSignals(): void {
    if (!this.#stopSignals) {
      this.#keepSignals(this.#keptSignals?.())
      return
    }
    this.#stopSignals()
    this.#listenForSignals()
  }

  #keepSignals(kept?: readonly string[]): void {
    if (this.platform.isMainThread) this.#keptSignals = keepSignals(this.platform, this.settings, kept)
  }

  #listenForSignals(kept?: readonly string[]): void {
    const actions = {
      reload: (signal: string) => this.#reloadBySignal(signal),
      shutdown: (signal: string) => {
        this.logger.info({ signal }, `${signal}: shutting down`)
        void this.shutdown(signal)
      },
      cutShort: (signal: string) => {
        this.logger.warn({ signal }, `${signal} again: cutting the drain short`)
        this.cutShort()
      },
    }
    this.#stopSignals = listenForSignals(this.platform, this.settings, actions, this.logger, kept)
  }

  #reloadBySignal(signal: string): void {
    if (this.supervisor?.alive) {
      this.supervisor.askForReload()
      return
    }
    const { name } = this.#state
    if (name === 'starting' || (name === 'ready' && this.#state.onProbation)) {
      this.#keptSignal = signal
      this.logger.info({ signal }, `${signal}: kept until generation ${this.number} is in charge`)
      return
    }
    if (!this.#leaving.passOn(signal)) this.#reloadRequests.request(signal)
  }

  #startRequested(signal: string): void {
    this.reload().catch((error: HandoverError) => {
      // A failure was reported when it happened; what remains is a signal that came at the wrong time.
      if (!error.report) this.logger.warn({ signal, code: error.code }, `${signal} ignored: ${error.message}`)
    })
  }
}
