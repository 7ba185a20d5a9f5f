/** What the control socket asks of a generation, and what a generation tells of itself and of those before it. */
import { EventEmitter } from 'node:events'
import { deferred } from '../base/deferred.js'
import type { FinalReport, Phase, ReloadReport } from '../base/report.js'
import { ControlServer } from '../control/server.js'
import { closeConnection, giveSocket } from '../platform/socket-handle.js'
import type {
  ControlEvent,
  Controlled,
  ControlStatus,
  GenerationStatus,
  ReloadResult,
  ReloadSummary,
  ReloadUnderway,
  StopSummary,
} from '../protocol/control-messages.js'
import type { FromPredecessor } from '../protocol/generation-messages.js'
import type { Successor } from '../succession/successor.js'
import type { Generation } from './generation.js'
import { msLeftOf, type Release, releaseOf, statusOf, successorStatus } from './status.js'

/** How often a drain is told to whoever waits for it. */
const tellDrainMs = 250
/** How often to the successor. To ask what every connection does takes time. */
const tellSuccessorMs = 1_000
/** How often a path that somebody else still serves is tried. */
const tryAgainMs = 1_000

interface ControlObservers {
  change: []
  progress: [event: ControlEvent]
}

export class Control implements Controlled {
  readonly #generation: Generation
  readonly #release: Release
  readonly #observers = new EventEmitter<ControlObservers>()
  readonly #stopped = deferred<StopSummary>()
  readonly #finalReport = deferred<FinalReport>()
  #server: ControlServer | undefined
  #lastReload: ReloadSummary | undefined
  /** Those that drain, the latest first, as they last told. */
  #predecessors: readonly GenerationStatus[] = []
  #openAtFirst = 0
  #timers: NodeJS.Timeout[] = []

  constructor(generation: Generation) {
    this.#generation = generation
    this.#release = releaseOf(generation.platform)
    // Each client may wait for something.
    this.#observers.setMaxListeners(0)
    const { events } = generation
    events.on('state', () => this.#changed())
    events.on('reload-failed', ({ report }) => this.#keep(report as ReloadReport))
    events.on('handed-over', (report) => this.#keep(report))
    events.on('report', (report) => this.#finalReport.resolve(report))
    events.on('predecessor-finished', (report) => this.#onPredecessorFinished(report))
  }

  /** This generation owns the service and serves its control socket. Resolves when the socket exists, or cannot now. */
  async start(): Promise<void> {
    const { settings, platform, logger } = this.#generation
    const path = settings.control
    if (path === undefined || this.#server) return
    if (platform.unsupported()) {
      logger.warn({ control: path }, `there is no control socket here: ${platform.unsupported()}`)
      return
    }
    this.#server = new ControlServer(this)
    await this.#listen(this.#server, path)
  }

  /** Retries until the path is free. */
  async #listen(control: ControlServer, path: string, failures = 0): Promise<void> {
    const { platform, logger, listeners } = this.#generation
    try {
      await listeners.serveControl(control.server, path, platform)
      if (failures > 0) logger.info({ control: path }, `the control socket ${path} is served now`)
    } catch (error) {
      if (failures === 0)
        logger.error({ err: error }, `${(error as Error).message} Retrying every ${tryAgainMs} ms.`)
      const retry = () => void this.#listen(control, path, failures + 1)
      this.#timers.push(setTimeout(retry, tryAgainMs).unref())
    }
  }

  /** The process goes on without us, or leaves. */
  close(): void {
    this.#stopTimers()
    if (!this.#server) return
    this.#generation.listeners.closeControl(this.#server.server)
    this.#server.close()
  }

  /** A part of a reload has begun. */
  phase(phase: Phase['name'], successor: Successor, limitMs: number): void {
    const { number, platform } = this.#generation
    const told = { generation: number + 1, pid: successor.pid }
    this.#tell({ event: 'phase', phase, generation: number, pid: platform.pid, successor: told, limitMs })
  }

  /** The successor serves the socket. Clients that watch go on there; it hears of this drain from now on. */
  handOver(successor: Successor, report: ReloadReport): void {
    // A path that this generation could not get is the successor's affair now.
    this.#stopTimers()
    this.phase('draining', successor, this.#generation.settings.drainTimeoutMs)
    const tell = () => successor.send({ type: 'status', generations: this.#drainingNow(), reload: report })
    tell()
    this.#timers.push(setInterval(tell, tellSuccessorMs).unref())
    for (const { client, carried } of this.#server?.movable() ?? []) {
      const handle = giveSocket(client.socket)
      client.leave()
      if (!handle) client.socket.destroy()
      else successor.give({ type: 'control-client', ...carried }, handle, () => client.socket.destroy())
    }
  }

  /** The successor has died. This generation serves the control socket again. */
  serveAgain(): void {
    this.#stopTimers()
    this.#changed()
    // The duplicate of its listener did not arrive.
    const { control } = this.#generation.settings
    if (control && this.#server && !this.#server.server.listening) void this.#listen(this.#server, control)
  }

  /** Everything is over, and the process leaves with `code`: the last answers get out. */
  async finish(code: number): Promise<void> {
    this.#stopped.resolve({ code, reports: [await this.#finalReport.promise] })
    // Whoever waits for it answers first.
    await new Promise((resolve) => setImmediate(resolve))
    await this.#server?.flush()
    if (this.#server) this.#generation.listeners.closeControl(this.#server.server)
  }

  onPredecessorStatus({ generations, reload }: FromPredecessor & { type: 'status' }): void {
    this.#predecessors = generations
    // What this generation was asked itself came later.
    if (this.#lastReload === undefined) this.#keep(reload)
    this.#changed()
  }

  onClient(handle: object, { watching, pending }: FromPredecessor & { type: 'control-client' }): void {
    // Without a control socket nobody goes on with it.
    if (this.#server) this.#server.adopt(handle, { watching, pending })
    else closeConnection(handle)
  }

  status(): ControlStatus {
    const { state, number, platform } = this.#generation
    this.#predecessors = this.#predecessors.filter(({ pid }) => platform.isRunning(pid))
    const successor = state.name === 'handing-over' ? [successorStatus(state.successor, number + 1)] : []
    const generations = [statusOf(this.#generation, this.#release), ...successor, ...this.#predecessors]
    return { generations, ...(this.#lastReload ? { lastReload: this.#lastReload } : {}) }
  }

  reload(progress: (event: ControlEvent) => void): ReloadUnderway {
    const stopTelling = this.#observe(progress)
    const proven = this.#generation.reload().then((report) => summary(report))
    const drained = proven.then(async (handedOver): Promise<ReloadSummary> => {
      const { drain } = await Promise.race([this.#finalReport.promise, this.#lost()])
      return { ...handedOver, reports: handedOver.reports.map((each) => ({ ...each, drain })) }
    })
    drained.then(stopTelling, stopTelling)
    return { proven, drained }
  }

  /** Rejects when the successor dies while this generation drains. */
  #lost(): Promise<never> {
    return new Promise((_, reject) => this.#generation.events.once('reload-failed', reject))
  }

  stop(progress: (event: ControlEvent) => void): Promise<StopSummary> {
    this.#observe(progress)
    void this.#generation.shutdown()
    return this.#stopped.promise
  }

  subscribe(onChange: () => void): () => void {
    this.#observers.on('change', onChange)
    return () => this.#observers.off('change', onChange)
  }

  #stopTimers(): void {
    for (const timer of this.#timers.splice(0)) clearTimeout(timer)
  }

  #onPredecessorFinished({ pid, reload, drain }: FinalReport): void {
    this.#predecessors = this.#predecessors.filter((each) => each.pid !== pid)
    const isLast = this.#lastReload?.reports.some((report) => report.startedAt === reload?.startedAt)
    if (reload && (isLast || !this.#lastReload)) this.#lastReload = summary({ ...reload, drain })
    this.#changed()
  }

  #keep(report: ReloadReport): void {
    this.#lastReload = summary(report)
  }

  /** Tells a client how the reload, or the stop, that it asked for goes on. */
  #observe(progress: (event: ControlEvent) => void): () => void {
    this.#observers.on('progress', progress)
    const timer = setInterval(() => this.#tellDrain(progress), tellDrainMs).unref()
    return () => {
      clearInterval(timer)
      this.#observers.off('progress', progress)
    }
  }

  #tellDrain(progress: (event: ControlEvent) => void): void {
    const { state, tracker, number, platform } = this.#generation
    if (state.name !== 'draining') return
    this.#openAtFirst = Math.max(tracker.size, this.#openAtFirst)
    progress({
      event: 'draining',
      generation: number,
      pid: platform.pid,
      open: tracker.size,
      of: this.#openAtFirst,
      ...msLeftOf(state.drain),
    })
  }

  #tell(event: ControlEvent): void {
    this.#observers.emit('progress', event)
    this.#changed()
  }

  #changed(): void {
    this.#observers.emit('change')
  }

  #drainingNow(): GenerationStatus[] {
    const { platform } = this.#generation
    return [
      statusOf(this.#generation, this.#release),
      ...this.#predecessors.filter(({ pid }) => platform.isRunning(pid)),
    ]
  }
}

const summary = (report: ReloadResult): ReloadSummary => ({ outcome: report.outcome, reports: [report] })
