/** The requests that a control socket can make of a generation, and the status of this generation and of those before it. */
import { EventEmitter } from 'node:events'
import { deferred } from '../base/deferred.js'
import type { GracefulEvents } from '../base/events.js'
import type { FinalReport, Phase, ReloadReport, ShutdownReport } from '../base/report.js'
import type { Controlled, ReloadUnderway } from '../control/controlled.js'
import type {
  ControlEvent,
  ControlStatus,
  GenerationStatus,
  ReloadResult,
  ReloadSummary,
  StopSummary,
} from '../protocol/control-messages.js'
import type { FromPredecessor } from '../protocol/generation-messages.js'
import type { Successor } from '../succession/successor.js'
import type { SharedParts } from './shared-parts.js'
import { msLeftOf, type Release, statusOf, successorStatus } from './status.js'

/** How often clients that wait for a drain get its progress. */
const tellDrainMs = 250
/** How often the successor gets the status of a drain. Describing every connection takes time. */
const tellSuccessorMs = 1_000

interface ControlObservers {
  change: []
  progress: [event: ControlEvent]
}

export interface ControlTargetParts extends Pick<SharedParts, 'self' | 'machine' | 'tracker' | 'isRunning'> {
  /** Read at the start: later a link may lead to another release. */
  readonly release: Release
  readonly uptimeMs: () => number
  readonly drainTimeoutMs: () => number
  readonly reload: () => Promise<ReloadReport>
  readonly shutdown: () => Promise<ShutdownReport>
}

export class ControlTarget implements Controlled {
  readonly #parts: ControlTargetParts
  readonly #observers = new EventEmitter<ControlObservers>()
  readonly #stopped = deferred<StopSummary>()
  readonly #finalReport = deferred<FinalReport>()
  #lastReload: ReloadSummary | undefined
  /** Those that drain, the latest first, as they last told. */
  #predecessors: readonly GenerationStatus[] = []
  #openAtFirst = 0
  #reporting: NodeJS.Timeout | undefined

  constructor(parts: ControlTargetParts) {
    this.#parts = parts
    // Each client may wait for something.
    this.#observers.setMaxListeners(0)
  }

  /** Follows this generation from now on. */
  observe(events: EventEmitter<GracefulEvents>): void {
    events.on('state', () => this.#changed())
    events.on('reload-failed', ({ report }) => this.#keep(report as ReloadReport))
    events.on('handed-over', (report) => this.#keep(report))
    events.on('report', (report) => this.#finalReport.resolve(report))
    events.on('predecessor-finished', (report) => this.#onPredecessorFinished(report))
  }

  /** A part of a reload has begun. */
  phase(phase: Phase['name'], successor: Successor, limitMs: number): void {
    const { number, pid } = this.#parts.self
    const next = { generation: number + 1, pid: successor.pid }
    this.#tell({ event: 'phase', phase, generation: number, pid, successor: next, limitMs })
  }

  /** The successor owns the service. It gets the status of this drain from now on. */
  handOver(successor: Successor, report: ReloadReport): void {
    this.phase('draining', successor, this.#parts.drainTimeoutMs())
    const send = () => successor.send({ type: 'status', generations: this.#drainingNow(), reload: report })
    send()
    this.#reporting = setInterval(send, tellSuccessorMs).unref()
  }

  /** The successor has died. */
  serveAgain(): void {
    this.stopReporting()
    this.#changed()
  }

  /** Everything is over, and the process leaves with `code`: the last answers get out. */
  async finish(code: number): Promise<void> {
    this.#stopped.resolve({ code, reports: [await this.#finalReport.promise] })
    // The code that awaits it answers first.
    await new Promise((resolve) => setImmediate(resolve))
  }

  /** Stops sending the status to the successor. */
  stopReporting(): void {
    clearInterval(this.#reporting)
  }

  onPredecessorStatus({ generations, reload }: FromPredecessor & { type: 'status' }): void {
    this.#predecessors = generations
    // What this generation was asked itself came later.
    if (this.#lastReload === undefined) this.#keep(reload)
    this.#changed()
  }

  status(): ControlStatus {
    const { self, machine } = this.#parts
    const { state } = machine
    this.#predecessors = this.#running()
    const successor = state.name === 'handing-over' ? [successorStatus(state.successor, self.number + 1)] : []
    const generations = [statusOf(this.#parts), ...successor, ...this.#predecessors]
    return { generations, ...(this.#lastReload ? { lastReload: this.#lastReload } : {}) }
  }

  reload(progress: (event: ControlEvent) => void): ReloadUnderway {
    const stopTelling = this.#observe(progress)
    const proven = this.#parts.reload().then((report) => summary(report))
    const drained = proven.then(async (handedOver): Promise<ReloadSummary> => {
      const { drain } = await Promise.race([this.#finalReport.promise, this.#lost()])
      return { ...handedOver, reports: handedOver.reports.map((each) => ({ ...each, drain })) }
    })
    drained.then(stopTelling, stopTelling)
    return { proven, drained }
  }

  /** Rejects when the successor dies while this generation drains. */
  #lost(): Promise<never> {
    return new Promise((_, reject) => this.#parts.machine.events.once('reload-failed', reject))
  }

  stop(progress: (event: ControlEvent) => void): Promise<StopSummary> {
    this.#observe(progress)
    void this.#parts.shutdown()
    return this.#stopped.promise
  }

  subscribe(onChange: () => void): () => void {
    this.#observers.on('change', onChange)
    return () => this.#observers.off('change', onChange)
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
    const { machine, tracker, self } = this.#parts
    const { state } = machine
    if (state.name !== 'draining') return
    this.#openAtFirst = Math.max(tracker.size, this.#openAtFirst)
    progress({
      event: 'draining',
      generation: self.number,
      pid: self.pid,
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
    return [statusOf(this.#parts), ...this.#running()]
  }

  #running(): GenerationStatus[] {
    return this.#predecessors.filter(({ pid }) => this.#parts.isRunning(pid))
  }
}

const summary = (report: ReloadResult): ReloadSummary => ({ outcome: report.outcome, reports: [report] })
