/** What a control socket can request of a generation, and the status of this generation and of those that drain. */
import { EventEmitter } from 'node:events'
import { realpathSync } from 'node:fs'
import { deferred } from '../base/deferred.js'
import { HandoverError } from '../base/errors.js'
import type { GracefulEvents } from '../base/events.js'
import type { FinalReport, Phase, ReloadReport } from '../base/report.js'
import { nextTurn } from '../base/timeouts.js'
import type { Controlled, ReloadUnderway } from '../control/controlled.js'
import type { Platform } from '../platform/process.js'
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
import type { Drain } from './drain.js'
import type { StepParts } from './shared-parts.js'

/** How often waiting clients get the progress of a drain. */
const progressMs = 250
/** How often the successor gets the status of a drain. It describes every connection, which takes time. */
const statusMs = 1_000
/** The maximum number of connections that a status lists with their work. */
const maxActiveWork = 10

type Release = NonNullable<GenerationStatus['release']>

interface ControlObservers {
  change: []
  progress: [event: ControlEvent]
}

export type ControlTargetParts = StepParts<'tracker' | 'reload' | 'shutdown'>

export class ControlTarget implements Controlled {
  readonly #parts: ControlTargetParts
  readonly #release: Release
  readonly #observers = new EventEmitter<ControlObservers>()
  readonly #stopped = deferred<StopSummary>()
  readonly #finalReport = deferred<FinalReport>()
  #lastReload: ReloadSummary | undefined
  /** The earlier generations that drain, as last reported, the latest first. */
  #predecessors: readonly GenerationStatus[] = []
  #mostOpen = 0
  #reporting: NodeJS.Timeout | undefined

  constructor(parts: ControlTargetParts) {
    this.#parts = parts
    this.#release = releaseOf(parts.platform)
    // The number of clients that observe has no limit.
    this.#observers.setMaxListeners(0)
  }

  /** Follows this generation from now on. */
  observe(events: EventEmitter<GracefulEvents>): void {
    events.on('state', () => this.#emitChange())
    events.on('reload-failed', ({ report }) => this.#keepReport(report as ReloadReport))
    events.on('handed-over', (report) => this.#keepReport(report))
    events.on('report', (report) => this.#finalReport.resolve(report))
    events.on('predecessor-finished', (report) => this.#onPredecessorFinished(report))
  }

  /** A phase of a reload has begun. */
  phase(phase: Phase['name'], successor: Successor, limitMs: number): void {
    const { number: generation, pid } = this.#parts.self
    const next = { generation: generation + 1, pid: successor.pid }
    this.#observers.emit('progress', { event: 'phase', phase, generation, pid, successor: next, limitMs })
    this.#emitChange()
  }

  /** The successor owns the service. It gets the status of this drain from now on. */
  handOver(successor: Successor, report: ReloadReport): void {
    this.phase('draining', successor, this.#parts.settings().drainTimeoutMs)
    const send = () => {
      const generations = [statusOf(this.#parts, this.#release), ...this.#running()]
      successor.send({ type: 'status', generations, reload: report })
    }
    send()
    this.#reporting = setInterval(send, statusMs).unref()
  }

  /** The successor has died, and this generation serves again. */
  serveAgain(): void {
    this.stopReporting()
    this.#emitChange()
  }

  /** The process is about to exit with `code`. Answers the clients that wait for that. */
  async finish(code: number): Promise<void> {
    this.#stopped.resolve({ code, reports: [await this.#finalReport.promise] })
    // The code that awaits the report answers first.
    await nextTurn()
  }

  /** Stops sending the status to the successor. */
  stopReporting(): void {
    clearInterval(this.#reporting)
  }

  onPredecessorStatus({ generations, reload }: FromPredecessor & { type: 'status' }): void {
    this.#predecessors = generations
    // A reload of this generation is later than that of its predecessor.
    if (this.#lastReload === undefined) this.#keepReport(reload)
    this.#emitChange()
  }

  status(): ControlStatus {
    const { self, machine } = this.#parts
    const { state } = machine
    this.#predecessors = this.#running()
    const successor = state.name === 'handing-over' ? [successorStatus(state.successor, self.number + 1)] : []
    const generations = [statusOf(this.#parts, this.#release), ...successor, ...this.#predecessors]
    return { generations, ...(this.#lastReload ? { lastReload: this.#lastReload } : {}) }
  }

  reload(progress: (event: ControlEvent) => void): ReloadUnderway {
    const stop = this.#observe(progress)
    const proven = this.#parts.reload().then((report) => summary(report))
    const drained = proven.then(async (handedOver): Promise<ReloadSummary> => {
      const { drain } = await Promise.race([this.#finalReport.promise, this.#lost()])
      return { ...handedOver, reports: handedOver.reports.map((each) => ({ ...each, drain })) }
    })
    drained.then(stop, stop)
    return { proven, drained }
  }

  /** Rejects when the successor dies while this generation drains. */
  #lost(): Promise<never> {
    return new Promise((_, reject) => this.#parts.machine.events.once('reload-failed', reject))
  }

  scale(): Promise<never> {
    const { number, pid } = this.#parts.self
    const what = `Generation ${number} (pid ${pid}) runs without workers, so their number cannot change.`
    const advice = 'Start the service with handover run --workers.'
    return Promise.reject(new HandoverError('ERR_HANDOVER_UNSUPPORTED', `${what} ${advice}`))
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
    this.#emitChange()
  }

  #keepReport(report: ReloadReport): void {
    this.#lastReload = summary(report)
  }

  /** Reports the progress of a reload or a shutdown to the client that requested it. */
  #observe(progress: (event: ControlEvent) => void): () => void {
    this.#observers.on('progress', progress)
    const timer = setInterval(() => this.#reportDrain(progress), progressMs).unref()
    return () => {
      clearInterval(timer)
      this.#observers.off('progress', progress)
    }
  }

  #reportDrain(progress: (event: ControlEvent) => void): void {
    const { machine, tracker, self } = this.#parts
    const { state } = machine
    if (state.name !== 'draining') return
    this.#mostOpen = Math.max(tracker.size, this.#mostOpen)
    progress({
      event: 'draining',
      generation: self.number,
      pid: self.pid,
      open: tracker.size,
      of: this.#mostOpen,
      ...msLeftOf(state.drain),
    })
  }

  #emitChange(): void {
    this.#observers.emit('change')
  }

  #running(): GenerationStatus[] {
    return this.#predecessors.filter(({ pid }) => this.#parts.platform.isRunning(pid))
  }
}

const summary = (report: ReloadResult): ReloadSummary => ({ outcome: report.outcome, reports: [report] })

function statusOf(
  { self, machine, tracker, platform }: StepParts<'tracker'>,
  release: Release,
): GenerationStatus {
  const { state } = machine
  const { connections, activeWork } = tracker.overview()
  return {
    generation: self.number,
    pid: self.pid,
    state: state.name,
    ...(state.name === 'ready' && state.onProbation ? { onProbation: true } : {}),
    ...(state.name === 'draining' ? { because: state.because, ...msLeftOf(state.drain) } : {}),
    uptimeMs: Math.round(platform.now()),
    ...platform.usage(),
    release,
    connections,
    activeWork: activeWork.slice(0, maxActiveWork),
  }
}

/** The status of a successor that is not proven. */
const successorStatus = ({ pid = 0, messages }: Successor, generation: number): GenerationStatus =>
  messages.isReady
    ? { generation, pid, state: 'ready', onProbation: true }
    : { generation, pid, state: 'starting' }

/** Call it at the start: later a link may lead to another release. */
function releaseOf({ argv: [, script = ''], cwd }: Platform): Release {
  try {
    return { cwd: cwd(), script: realpathSync(script) }
  } catch {
    // The program is not a file: it comes from the command line or from standard input.
    return { cwd: cwd(), script }
  }
}

/** The drain has no deadline before `shutdownDelayMs` has passed. */
const msLeftOf = ({ msLeft }: Drain): { msLeft?: number } =>
  Number.isFinite(msLeft) ? { msLeft: Math.round(msLeft) } : {}
