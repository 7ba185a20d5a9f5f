/** One process in the line: creates the parts of a generation and connects them. */
import type net from 'node:net'
import { generationLogger, silent } from '../base/logger.js'
import type { ReloadReport } from '../base/report.js'
import type { Agreed, GracefulOptions, Settings } from '../base/settings.js'
import { Tracker } from '../connections/tracker.js'
import { ControlEndpoint } from '../control/endpoint.js'
import { activatedListeners } from '../listeners/activation.js'
import { adoptAll } from '../listeners/inherited.js'
import { Listeners } from '../listeners/listeners.js'
import { withoutHandleQueue } from '../platform/ipc-channel.js'
import type { Origin } from '../platform/launch-context.js'
import { onBound } from '../platform/open-sockets.js'
import { PidFile } from '../platform/pid-file.js'
import type { Platform } from '../platform/process.js'
import { ServiceManager } from '../platform/systemd-notify.js'
import type { Inheritance, SupervisorEntry } from '../protocol/inheritance.js'
import { readOwnInheritance } from '../succession/own-inheritance.js'
import { Predecessor, type PredecessorEvents } from '../succession/predecessor.js'
import { successorCommand } from '../succession/successor-command.js'
import { type SuccessorProcess, spawnSuccessor } from '../succession/successor-process.js'
import { IncomingConnections } from '../transfer/incoming.js'
import { type PeerLine, Peers } from '../transfer/peers.js'
import { supervisedSettings } from '../worker/supervised-settings.js'
import { SupervisorLink } from '../worker/supervisor-link.js'
import { ControlTarget } from './control-target.js'
import { warnOfDecoded } from './decoded-warning.js'
import { DrainingLimit } from './draining-limit.js'
import { Exit } from './exit.js'
import { GenerationHealth } from './health.js'
import { Hooks } from './hooks.js'
import { attachLate, lateServers, lateSuccessor } from './late-server.js'
import type { ReadyCondition } from './readiness.js'
import { refuseReload } from './refusals.js'
import { Reload, type ReloadParts } from './reload.js'
import { ServerDrains } from './server-drain.js'
import type { SharedParts } from './shared-parts.js'
import { SignalRequests } from './signal-requests.js'
import { SpawnStall } from './spawn-stall.js'
import { Startup } from './startup.js'
import { StateMachine } from './state-machine.js'
import { TakeOver } from './take-over.js'

export class Generation {
  readonly parts: SharedParts
  readonly serverDrains: ServerDrains
  readonly health: GenerationHealth
  readonly #origin: Origin
  readonly #inheritance: Inheritance | undefined
  readonly #pidFile: PidFile
  readonly #startup: Startup
  readonly #takeOver: TakeOver
  readonly #control: ControlTarget
  readonly #endpoint: ControlEndpoint
  readonly #exit: Exit
  readonly #drainingLimit: DrainingLimit
  readonly #spawnStall: SpawnStall
  readonly #signals: SignalRequests
  readonly #supervisor: SupervisorLink | undefined
  #agreed: Agreed
  #predecessor: Predecessor | undefined
  readonly #undo: (() => void)[] = []

  /** Errors: `ERR_HANDOVER_INHERITANCE_…`, `ERR_HANDOVER_WIRE_VERSION`, `ERR_HANDOVER_BAD_DESCRIPTOR`. */
  constructor(agreed: Agreed, origin: Origin, platform: Platform) {
    this.#inheritance = readOwnInheritance(origin, platform)
    this.#origin = origin
    this.#agreed = this.#effective(agreed)
    this.parts = this.#newParts(platform)
    const { parts } = this
    this.#pidFile = new PidFile(() => this.settings.pidFile, platform.pid)
    this.#control = new ControlTarget(parts)
    this.#endpoint = new ControlEndpoint({
      ...parts,
      controlled: this.#control,
      path: () => this.settings.control,
    })
    this.#startup = new Startup({
      ...parts,
      onBegin: () => this.#signals.listen(),
      startControl: () => this.#endpoint.start(),
      own: () => this.#takeOver.own(),
      onFailed: (error) => this.#failToStart(error),
    })
    this.#takeOver = this.#newTakeOver()
    this.#exit = this.#newExit()
    this.#signals = this.#newSignals()
    this.#drainingLimit = new DrainingLimit(parts)
    this.#spawnStall = new SpawnStall(parts)
    this.serverDrains = new ServerDrains(parts)
    this.health = new GenerationHealth(parts)
    const entry = this.#inheritance?.supervisor
    this.#supervisor = entry && this.#newSupervisor(entry)
  }

  /** Follows the process, its supervisor and its predecessor from now on. */
  start(): void {
    const { machine, systemd, listeners, tracker } = this.parts
    machine.events.on('state', ({ state, because, onProbation }) => {
      // The process that owns the service pings, even while it drains for a shutdown.
      if (state === 'ready' && !onProbation) systemd.keepAlive()
      if (because === 'handed-over') systemd.stopPings()
    })
    this.#control.observe(machine.events)
    this.#undo.push(onBound((server) => this.#onBound(server)))
    this.#undo.push(listeners.install(), tracker.install(), () => {
      this.#control.stopReporting()
      this.#endpoint.close()
    })
    this.#supervisor?.start()
    if (this.#inheritance) this.#predecessor = this.#meetPredecessor(this.#inheritance)
    this.#signals.keep()
    this.#undo.push(() => this.#signals.stop())
  }

  /** The options in force. A later registration may set what no earlier one has set. */
  get settings(): Settings {
    return this.#agreed.settings
  }

  /** The options that the program set. */
  get given(): GracefulOptions {
    return this.#agreed.given
  }

  /** Applies the merged options after another registration. Most options are read when they are needed. */
  applyOptions(agreed: Agreed): void {
    const before = this.settings
    this.#agreed = this.#effective(agreed)
    const { machine, listeners } = this.parts
    if (machine.isEnding) return
    const isNew = (name: keyof Settings) => this.settings[name] !== before[name]
    if (isNew('reloadSignals') || isNew('shutdownSignals')) this.#signals.optionsChanged()
    if (isNew('health')) for (const server of listeners.servers()) this.health.answer(server)
    this.#supervisor?.optionsChanged()
    // Before it is ready the generation uses neither of these. During the probation the predecessor still does.
    if (machine.state.name === 'starting' || machine.isOnProbation) return
    if (isNew('pidFile')) this.#writePidFile()
    if (isNew('control')) void this.#endpoint.start()
  }

  await(condition: ReadyCondition): void {
    const late = lateServers(condition, this.parts.listeners)
    this.#startup.await(condition)
    for (const server of late) attachLate(this.parts, server)
  }

  /** The `listen` call came before `graceful()`, but its address was bound afterwards. */
  #onBound(server: net.Server): void {
    if (this.parts.listeners.open.has(server) || !this.#startup.names(server)) return
    if (this.#inheritance) throw lateSuccessor()
    attachLate(this.parts, server)
  }

  /** `handle.ready()`. */
  ready(): Promise<void> {
    if (this.settings.ready === 'manual') this.#startup.begin()
    return this.#startup.ready
  }

  /** `handle.reload()`. */
  reload(): Promise<ReloadReport> {
    const refusal = refuseReload(this.parts)
    if (refusal) return Promise.reject(refusal)
    this.#signals.reloadBegins()
    const reloading = this.#newReload().run()
    const ended = () => this.#signals.reloadEnded()
    reloading.then(ended, ended)
    return reloading
  }

  /** The owner of `server` has closed it. After the last server, Handover leaves the process. Returns whether it left. */
  forgetServer(server: net.Server): boolean {
    const { name } = this.parts.machine.state
    const isLast = this.#startup.forget(server)
    if (!isLast || (name !== 'starting' && name !== 'ready')) return false
    this.#leaveProcess()
    return true
  }

  /** The process continues without Handover: removes every global. */
  #leaveProcess(): void {
    for (const undo of this.#undo.splice(0)) undo()
    this.#pidFile.remove()
  }

  /** Retries only while this generation is ready: during a reload the successor may write the file. */
  #writePidFile(): void {
    const { logger, machine } = this.parts
    this.#pidFile.writeWithRetries(logger, () => machine.state.name === 'ready')
  }

  /** Applies the limits of the supervisor, which override the options of the program. */
  #effective(agreed: Agreed): Agreed {
    const entry = this.#inheritance?.supervisor
    return entry ? { ...agreed, settings: supervisedSettings(agreed.settings, entry) } : agreed
  }

  #newParts(platform: Platform): SharedParts {
    const self = { number: this.#inheritance?.generation ?? 1, pid: platform.pid }
    const logger = generationLogger(self.number, () => this.settings.logger || silent)
    const tracker = new Tracker()
    tracker.decoded.onFirst = (socket) => warnOfDecoded(logger, socket)
    const listeners = this.#newListeners(platform)
    const serverOf = (listener: number) => listeners.claimed.serverOf(listener)
    return {
      self,
      logger,
      machine: new StateMachine({ self, logger, counts: () => tracker.counts() }),
      platform,
      settings: () => this.settings,
      tracker,
      listeners,
      incoming: new IncomingConnections({ tracker, logger, serverOf }),
      peers: new Peers(logger),
      systemd: new ServiceManager(platform, logger),
      hooks: new Hooks(() => this.settings.hookTimeoutMs, logger),
      predecessor: () => this.#predecessor,
      ownsService: () => this.#takeOver.ownsService,
      supervised: () => (this.#supervisor ? (this.#supervisor.isAlive ? 'alive' : 'gone') : 'no'),
      reload: () => this.reload(),
      shutdown: (...request) => this.#exit.shutdown(...request),
      undoAtEnd: (undo) => void this.#undo.push(undo),
    }
  }

  #newListeners(platform: Platform): Listeners {
    const inheritance = this.#inheritance
    return new Listeners({
      inherited: inheritance ? adoptAll(inheritance.listeners) : activatedListeners(this.#origin.activation),
      paused: inheritance !== undefined,
      tolerated: inheritance?.unavailable ?? [],
      watchOnly: platform.unsupported() !== undefined,
      cwd: this.#origin.cwd,
      observer: {
        onListen: (server) => {
          this.parts.tracker.track(server)
          this.health.answer(server)
        },
        onListening: (server) => {
          this.#signals.listen()
          this.#supervisor?.listeners.reportSoon()
          this.#startup.onListening(server)
        },
        onClosed: (server) => {
          this.#startup.onClosed(server)
          this.parts.tracker.closed(server)
        },
        onListenError: (server, error) => this.#startup.onListenError(server, error),
      },
    })
  }

  async #failToStart(error: unknown): Promise<void> {
    const { self, logger, systemd, platform } = this.parts
    const why = `generation ${self.number} cannot start: ${error instanceof Error ? error.message : String(error)}`
    logger.error({ err: error }, why)
    const stays = !this.#predecessor && !this.settings.exit
    if (stays) this.#leaveProcess()
    await (this.#predecessor ?? this.#supervisor)?.reportFailure(error)
    // If another process owns the service, systemd's status belongs to that process.
    if (!this.#predecessor) await systemd.failed(why)
    if (!stays) platform.exit(1)
  }

  #newTakeOver(): TakeOver {
    return new TakeOver({
      ...this.parts,
      fail: (error) => void this.#startup.fail(error),
      onOwner: () => {
        void this.#endpoint.start()
        this.#writePidFile()
      },
      onAnnounced: () => this.#signals.handleKept(),
    })
  }

  #newExit(): Exit {
    return new Exit({
      ...this.parts,
      control: this.#control,
      endpoint: this.#endpoint,
      leaveProcess: () => this.#leaveProcess(),
      removePidFile: () => this.#pidFile.remove(),
    })
  }

  #newSignals(): SignalRequests {
    return new SignalRequests({
      ...this.parts,
      early: this.#origin.early,
      requestFromSupervisor: () => {
        if (!this.#supervisor?.isAlive) return false
        this.#supervisor.requestReload()
        return true
      },
      forward: (signal) => this.#exit.forward(signal),
    })
  }

  #newReload(): Reload {
    const { hadProgramChannel, umask } = this.#origin
    return new Reload({
      ...this.parts,
      context: { ...(hadProgramChannel && { ipc: true }), umask },
      launcher: (...launch) => this.#launcher(...launch),
      onPhase: (phase, successor, limitMs) => this.#control.phase(phase, successor, limitMs),
      onRestored: (server) => this.#supervisor?.listeners.onRestored(server),
      onEndDrain: (generation) => this.#drainingLimit.onEndDrain(generation),
      onFailed: () => this.#writePidFile(),
      onProven: (...proven) => this.#exit.handOver(...proven),
      serveAgain: (listen) => this.#serveAgain(listen),
    })
  }

  /** A supervisor starts the successor, and knows which program to run. Errors: `ERR_HANDOVER_PROGRAM_MISSING`. */
  #launcher(
    ...[inheritance, servers, onBlocked]: Parameters<ReloadParts['launcher']>
  ): () => SuccessorProcess {
    const supervisor = this.#supervisor
    if (supervisor) return () => supervisor.startSuccessor(inheritance, servers)
    const { platform } = this.parts
    const command = successorCommand(this.#origin, platform, this.settings.successor)
    return () => this.#spawnStall.measure(() => spawnSuccessor(platform, command, inheritance), onBlocked)
  }

  #serveAgain(listen: () => void): number | undefined {
    const lost = this.#supervisor ? undefined : this.#exit.serveAgain(listen)
    if (lost === undefined) return undefined
    this.#control.serveAgain()
    this.#endpoint.startAgain()
    return lost
  }

  #newSupervisor(entry: SupervisorEntry): SupervisorLink {
    const { machine, hooks, shutdown } = this.parts
    return new SupervisorLink(entry, {
      ...this.parts,
      events: machine.events,
      orders: {
        reload: (progress) => this.#control.reload(progress),
        stop: (progress) => void this.#control.stop(progress),
        shutdown: () => void shutdown(),
        cutShort: () => machine.cutDrainShort(),
        // The processes before and after this one report their own status.
        status: () => this.#control.status().generations[0],
      },
      given: () => this.given,
      hooks: () => ({
        beforeDrain: hooks.beforeDrain.length,
        drained: hooks.drained.length + this.#exit.programListeners().length,
      }),
      isEnding: () => machine.isEnding,
      predecessorEnded: () => this.#predecessor?.onEnded(),
    })
  }

  /** Returns `undefined` if a supervisor started this process without a predecessor. */
  #meetPredecessor(inheritance: Inheritance): Predecessor | undefined {
    const { predecessor, predecessorStart, supervisor, generation } = inheritance
    if (predecessor === undefined) return undefined
    const { platform } = this.parts
    const channel = platform.channel()
    // Duplicates of listeners must not wait in Node's queue for handles.
    if (channel && !supervisor) withoutHandleQueue(channel)
    const identity = { pid: predecessor, start: predecessorStart }
    const line = this.parts.peers.meetPredecessor((message) => void this.#predecessor?.send(message))
    return new Predecessor(identity, generation - 1, platform, this.#predecessorEvents(predecessor, line))
  }

  #predecessorEvents(predecessor: number, line: PeerLine): PredecessorEvents {
    const { logger, machine, incoming, shutdown } = this.parts
    const takeOver = this.#takeOver
    return {
      onTakeOver: () => takeOver.onTakeOver(),
      onOwn: () => takeOver.onOwn(),
      onLetGo: () => takeOver.onLetGo(),
      onTakenBack: () => {
        logger.info({ predecessor }, `predecessor ${predecessor} keeps the service: shutting down`)
        void shutdown()
      },
      onEnded: () => {
        incoming.close()
        line.close()
        takeOver.onPredecessorEnded()
      },
      onConnection: (message, handle) => incoming.arrive(message, handle),
      onFollowUp: (id, data) => incoming.receiveFollowUp(id, data),
      onPeerData: (message) => line.receive(message),
      onFinished: (report) => machine.notify('predecessor-finished', report),
      onStatus: (message) => {
        this.#control.onPredecessorStatus(message)
        this.#drainingLimit.consider(message.generations)
      },
      onReloadAgain: (signal) => this.#signals.requestReload(signal),
      onControlClient: (handle, client) => this.#endpoint.adopt(handle, client),
    }
  }
}
