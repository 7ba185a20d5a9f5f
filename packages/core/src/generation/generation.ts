/** One process in the line: makes the parts of a generation and connects them. No other file of core gets all of it. */
import type net from 'node:net'
import type { HandoverError } from '../base/errors.js'
import { currentLogger, type Logger, silent } from '../base/logger.js'
import type { ReloadReport, ShutdownReport } from '../base/report.js'
import type { Agreed, GracefulOptions, Settings } from '../base/settings.js'
import { Tracker } from '../connections/tracker.js'
import { ControlEndpoint } from '../control/endpoint.js'
import { activatedListeners } from '../listeners/activation.js'
import { adoptAll } from '../listeners/inherited.js'
import { Listeners } from '../listeners/listeners.js'
import type { Origin } from '../platform/launch-context.js'
import { PidFile } from '../platform/pid-file.js'
import type { Platform } from '../platform/process.js'
import { ServiceManager } from '../platform/systemd-notify.js'
import type { Inheritance, SupervisorEntry } from '../protocol/inheritance.js'
import { readOwnInheritance } from '../succession/own-inheritance.js'
import type { Predecessor } from '../succession/predecessor.js'
import { successorCommand } from '../succession/successor-command.js'
import { type SuccessorProcess, spawnSuccessor } from '../succession/successor-process.js'
import { IncomingConnections } from '../transfer/incoming.js'
import { supervisedSettings } from '../worker/supervised-settings.js'
import { Supervisor } from '../worker/supervisor-link.js'
import { ControlTarget } from './control-target.js'
import { DrainingLimit } from './draining-limit.js'
import { Exit } from './exit.js'
import { GenerationHealth } from './generation-health.js'
import { Hooks } from './hooks.js'
import { attachLate, lateServer } from './late-server.js'
import { meetPredecessor } from './meet-predecessor.js'
import type { ReadyCondition } from './readiness.js'
import { Reload } from './reload.js'
import { refuseReload } from './reload-refusal.js'
import { ServerDrains } from './server-drain.js'
import type { SharedParts } from './shared-parts.js'
import { SignalRequests } from './signal-requests.js'
import { Startup } from './startup.js'
import { type Self, StateMachine } from './state-machine.js'
import { releaseOf } from './status.js'
import { TakeOver } from './take-over.js'

export class Generation {
  readonly self: Self
  readonly logger: Logger
  readonly hooks: Hooks
  readonly tracker = new Tracker()
  readonly machine: StateMachine
  readonly listeners: Listeners
  readonly incoming: IncomingConnections
  readonly serverDrains: ServerDrains
  readonly health: GenerationHealth
  readonly #platform: Platform
  readonly #origin: Origin
  readonly #systemd: ServiceManager
  readonly #pidFile: PidFile
  readonly #startup: Startup
  readonly #takeOver: TakeOver
  readonly #control: ControlTarget
  readonly #endpoint: ControlEndpoint
  readonly #exit: Exit
  readonly #drainingLimit: DrainingLimit
  readonly #signals: SignalRequests
  readonly #supervisor: Supervisor | undefined
  /** The settings for the options of the program. Under a supervisor its limits override them. */
  readonly #inForce: (settings: Settings) => Settings
  #given: GracefulOptions
  #settings: Settings
  #predecessor: Predecessor | undefined
  readonly #inheritance: Inheritance | undefined
  readonly #undo: (() => void)[] = []

  /** Errors: `ERR_HANDOVER_INHERITANCE_…`, `ERR_HANDOVER_WIRE_VERSION`, `ERR_HANDOVER_BAD_DESCRIPTOR`. */
  constructor({ given, settings }: Agreed, origin: Origin, platform: Platform) {
    const inheritance = readOwnInheritance(origin, platform)
    const entry = inheritance?.supervisor
    this.#inForce = (all) => (entry ? supervisedSettings(all, entry) : all)
    this.#given = given
    this.#settings = this.#inForce(settings)
    this.#origin = origin
    this.#platform = platform
    this.self = { number: inheritance?.generation ?? 1, pid: platform.pid }
    this.logger = currentLogger(() => this.settings.logger || silent)
    this.hooks = new Hooks(() => this.settings.hookTimeoutMs, this.logger)
    this.#systemd = new ServiceManager(platform, this.logger)
    this.machine = new StateMachine({
      self: this.self,
      logger: this.logger,
      counts: () => this.tracker.counts(),
    })
    this.listeners = this.#takeListeners(inheritance)
    const parts = this.#shared()
    this.#pidFile = new PidFile(() => this.settings.pidFile, platform.pid)
    this.#control = new ControlTarget({
      ...parts,
      release: releaseOf(platform),
      uptimeMs: () => platform.now(),
      drainTimeoutMs: () => this.settings.drainTimeoutMs,
      reload: () => this.reload(),
      shutdown: () => this.shutdown(),
    })
    this.#endpoint = new ControlEndpoint({
      ...parts,
      controlled: this.#control,
      path: () => this.settings.control,
    })
    this.incoming = new IncomingConnections({
      ...parts,
      serverOf: (listener) => this.listeners.claimed.serverOf(listener),
    })
    this.#startup = this.#newStartup(parts)
    this.#takeOver = this.#newTakeOver(parts)
    this.#exit = this.#newExit(parts)
    this.#signals = this.#newSignals(parts)
    this.#drainingLimit = new DrainingLimit({ ...parts, maxDraining: () => this.settings.maxDraining })
    this.serverDrains = new ServerDrains({
      ...parts,
      hasPredecessor: () => this.#predecessor !== undefined,
      isHeld: () => this.#supervisor?.alive === true,
    })
    this.health = new GenerationHealth({ ...parts, option: () => this.settings.health })
    this.#supervisor = entry && this.#newSupervisor(entry, parts)
    this.#inheritance = inheritance
  }

  /** Follows the process, its supervisor and its predecessor from now on. */
  start(): void {
    const { events } = this.machine
    events.on('state', ({ state, because, onProbation }) => {
      // The process that owns the service pings, even while it drains for a shutdown.
      if (state === 'ready' && !onProbation) this.#systemd.keepAlive()
      if (because === 'handed-over') this.#systemd.stopPings()
    })
    this.#control.observe(events)
    this.#undo.push(this.listeners.install(), this.tracker.install(), () => {
      this.#control.stopReporting()
      this.#endpoint.close()
    })
    this.#supervisor?.start()
    this.#predecessor = this.#inheritance && this.#meet(this.#inheritance)
    this.#signals.keep()
    this.#undo.push(() => this.#signals.stop())
  }

  get predecessor(): Predecessor | undefined {
    return this.#predecessor
  }

  /** The options in force. A later registration may set what no earlier one has set. */
  get settings(): Settings {
    return this.#settings
  }

  /** The options that the program set. */
  get given(): GracefulOptions {
    return this.#given
  }

  /** Applies the options of all registrations, after one more. Most are read when they are needed. */
  applyOptions({ given, settings }: Agreed): void {
    const before = this.settings
    this.#given = given
    this.#settings = this.#inForce(settings)
    const { machine } = this
    if (machine.isEnding) return
    const isNew = (name: keyof Settings) => this.settings[name] !== before[name]
    if (isNew('reloadSignals') || isNew('shutdownSignals')) this.#signals.change()
    if (isNew('health')) for (const server of this.listeners.servers()) this.health.answer(server)
    this.#supervisor?.optionsChanged()
    // Before that the generation uses neither. During the probation the predecessor still does.
    if (machine.state.name === 'starting' || machine.isOnProbation) return
    if (isNew('pidFile')) this.#writePidFile()
    if (isNew('control')) void this.#endpoint.start()
  }

  await(what: ReadyCondition): void {
    const late = lateServer(what, this.listeners)
    this.#startup.await(what)
    if (late) attachLate(this.#shared(), late)
  }

  /** `handle.ready()`. */
  sayReady(): Promise<void> {
    if (this.settings.ready === 'manual') this.#startup.begin()
    return this.#startup.ready
  }

  /** `handle.reload()`. */
  reload(): Promise<ReloadReport> {
    const refusal = this.#refuseReload()
    if (refusal) return Promise.reject(refusal)
    this.#signals.reloadBegins()
    const reloading = this.#newReload().run()
    const ended = () => this.#signals.reloadEnded()
    reloading.then(ended, ended)
    return reloading
  }

  /** `handle.shutdown()`; `signal` requested it, if one did. */
  shutdown(signal?: string): Promise<ShutdownReport> {
    return this.#exit.shutdown(signal)
  }

  /** Its owner has closed it. After the last one Handover leaves the process. Returns whether it was the last one. */
  forgetServer(server: net.Server): boolean {
    const { name } = this.machine.state
    const last = this.#startup.forget(server)
    if (!last || (name !== 'starting' && name !== 'ready')) return false
    this.#letGo()
    return true
  }

  /** `undo` is called when this generation lets go of the process. */
  undoAtEnd(undo: () => void): void {
    this.#undo.push(undo)
  }

  /** The process continues without Handover: removes every global. */
  #letGo(): void {
    for (const undo of this.#undo.splice(0)) undo()
    this.#pidFile.remove()
  }

  /** This process owns the service. During a reload the successor writes the file. */
  #writePidFile(): void {
    this.#pidFile.keepTrying(this.logger, () => this.machine.state.name === 'ready')
  }

  #cutShort(): void {
    const { state } = this.machine
    if (state.name === 'draining') state.drain.cutShort()
  }

  #refuseReload(): HandoverError | undefined {
    return refuseReload(this.machine.state, {
      generation: this.self.number,
      unsupported: this.#platform.unsupported(),
      hasLate: this.listeners.hasLate,
    })
  }

  #shared(): SharedParts {
    return {
      self: this.self,
      logger: this.logger,
      machine: this.machine,
      platform: this.#platform,
      settings: () => this.settings,
      tracker: this.tracker,
      listeners: this.listeners,
      systemd: this.#systemd,
      hooks: this.hooks,
      predecessor: () => this.#predecessor,
      ownsService: () => this.#takeOver.ownsService,
      isRunning: (pid: number) => this.#platform.isRunning(pid),
      undoAtEnd: (undo: () => void) => this.undoAtEnd(undo),
    }
  }

  #takeListeners(inheritance: Inheritance | undefined): Listeners {
    return new Listeners({
      inherited: inheritance ? adoptAll(inheritance.listeners) : activatedListeners(this.#origin.activation),
      paused: inheritance !== undefined,
      tolerated: inheritance?.unavailable ?? [],
      watchOnly: this.#platform.unsupported() !== undefined,
      cwd: this.#origin.cwd,
      observer: {
        onListen: (server) => {
          this.tracker.track(server)
          this.health.answer(server)
        },
        onListening: (server) => {
          this.#signals.listen()
          this.#supervisor?.keepListeners()
          this.#startup.onListening(server)
        },
        onClosed: (server) => {
          this.#startup.onClosed(server)
          this.tracker.closed(server)
        },
        onListenError: (server, error) => this.#startup.onListenError(server, error),
      },
    })
  }

  #newStartup(parts: SharedParts): Startup {
    const { hooks } = this
    return new Startup({
      ...parts,
      isManual: () => this.settings.ready === 'manual',
      onBegin: () => this.#signals.listen(),
      beforeReady: () => hooks.runBeforeReady(),
      startControl: () => this.#endpoint.start(),
      openConnections: () => this.tracker.size,
      own: () => this.#takeOver.own(),
      onFailed: (error) => this.#failToStart(error),
    })
  }

  async #failToStart(error: unknown): Promise<void> {
    const why = `generation ${this.self.number} cannot come up: ${error instanceof Error ? error.message : String(error)}`
    this.logger.error({ err: error }, why)
    const stays = !this.#predecessor && !this.settings.exit
    if (stays) this.#letGo()
    await (this.#predecessor ?? this.#supervisor)?.sayFailed(error)
    // If another process owns the service, systemd's status belongs to that process.
    if (!this.#predecessor) await this.#systemd.failed(why)
    if (!stays) this.#platform.exit(1)
  }

  #newTakeOver(parts: SharedParts): TakeOver {
    return new TakeOver({
      ...parts,
      isSupervised: () => this.#supervisor !== undefined,
      protocols: () => this.incoming.protocols,
      fail: (error) => void this.#startup.fail(error),
      onOwner: () => {
        void this.#endpoint.start()
        this.#writePidFile()
      },
      onAnnounced: () => this.#signals.takeKept(),
    })
  }

  #newExit(parts: SharedParts): Exit {
    return new Exit({
      ...parts,
      supervised: () => (this.#supervisor ? (this.#supervisor.alive ? 'alive' : 'gone') : 'no'),
      handOverControl: (successor, report) => {
        this.#control.handOver(successor, report)
        this.#endpoint.handOver((carried, handle, failed) =>
          successor.give({ type: 'control-client', ...carried }, handle, failed),
        )
      },
      finishControl: async (code) => {
        await this.#control.finish(code)
        await this.#endpoint.finish()
      },
      letGo: () => this.#letGo(),
      exit: (code) => {
        this.#pidFile.remove()
        this.#platform.exit(code)
      },
    })
  }

  #newSignals(parts: SharedParts): SignalRequests {
    return new SignalRequests({
      ...parts,
      wanted: () => this.settings,
      early: this.#origin.early.signals,
      onListen: () => this.#origin.early.release(),
      askSupervisor: () => {
        if (!this.#supervisor?.alive) return false
        this.#supervisor.askForReload()
        return true
      },
      forward: (signal) => this.#exit.forward(signal),
      reload: () => this.reload(),
      shutdown: (signal) => void this.shutdown(signal),
      cutShort: () => this.#cutShort(),
    })
  }

  #newReload(): Reload {
    const { hadProgramChannel, umask } = this.#origin
    return new Reload({
      ...this.#shared(),
      context: { ...(hadProgramChannel && { ipc: true }), umask },
      launcher: (inheritance, servers) => this.#launcher(inheritance, servers),
      refuse: () => this.#refuseReload(),
      // This generation's own predecessor must not serve again beside the successor.
      onBegin: () => void this.#predecessor?.claim('leave'),
      onPhase: (phase, successor, limitMs) => this.#control.phase(phase, successor, limitMs),
      onRestored: (server) => this.#supervisor?.onRestored(server),
      onEndDrain: (generation) => this.#drainingLimit.onEndDrain(generation),
      onFailed: () => this.#writePidFile(),
      onProven: (...proven) => this.#exit.handOver(...proven),
      serveAgain: (listen) => this.#serveAgain(listen),
    })
  }

  /** A supervisor starts the successor, and knows which program. Errors: `ERR_HANDOVER_PROGRAM_MISSING`. */
  #launcher(inheritance: Inheritance, servers: readonly net.Server[]): () => SuccessorProcess {
    const supervisor = this.#supervisor
    if (supervisor) return () => supervisor.startSuccessor(inheritance, servers)
    const command = successorCommand(this.#origin, this.#platform, this.settings.successor)
    return () => spawnSuccessor(this.#platform, command, inheritance)
  }

  #serveAgain(listen: () => void): number | undefined {
    const lost = this.#supervisor ? undefined : this.#exit.serveAgain(listen)
    if (lost === undefined) return undefined
    this.#control.serveAgain()
    this.#endpoint.startAgain()
    return lost
  }

  #newSupervisor(entry: SupervisorEntry, parts: SharedParts): Supervisor {
    const { machine, hooks } = this
    return new Supervisor(entry, {
      ...parts,
      incoming: this.incoming,
      events: machine.events,
      orders: {
        reload: (progress) => this.#control.reload(progress),
        stop: (progress) => void this.#control.stop(progress),
        shutdown: () => void this.shutdown(),
        cutShort: () => this.#cutShort(),
        // The processes before and after this one report their own status.
        status: () => this.#control.status().generations[0],
      },
      given: () => this.given,
      hooks: () => ({ beforeDrain: hooks.beforeDrain.length, drained: hooks.drained.length }),
      isEnding: () => machine.isEnding,
      predecessorEnded: () => this.#predecessor?.end(),
    })
  }

  #meet(inheritance: Inheritance): Predecessor | undefined {
    return meetPredecessor(inheritance, {
      ...this.#shared(),
      takeOver: this.#takeOver,
      incoming: this.incoming,
      control: this.#control,
      endpoint: this.#endpoint,
      drainingLimit: this.#drainingLimit,
      signals: this.#signals,
      shutdown: () => void this.shutdown(),
    })
  }
}
