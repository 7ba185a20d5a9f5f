/** How a generation leaves: because its successor is proven, or because it was told to. */
import { channel } from 'node:diagnostics_channel'
import type { DrainReport, FinalReport, HookFailure, ReloadReport, ShutdownReport } from '../base/report.js'
import { formatFates } from '../base/report-text.js'
import type { DrainReason } from '../base/state-names.js'
import { unlessAborted } from '../base/timeouts.js'
import type { Successor } from '../succession/successor.js'
import type { Mover } from '../transfer/mover.js'
import { Drain } from './drain.js'
import type { Generation } from './generation.js'
import type { Leave } from './hooks.js'

const reportChannel = channel('handover:report')

export class Leaving {
  readonly #generation: Generation
  #left: Promise<ShutdownReport> | undefined
  #signal: string | undefined
  #successor: Successor | undefined
  /** Of `beforeDrain` hooks. */
  readonly #hookFailures: HookFailure[] = []

  constructor(generation: Generation) {
    this.#generation = generation
  }

  /** The successor is proven: it is the service. */
  handOver(successor: Successor, mover: Mover | undefined, report: ReloadReport): void {
    this.#successor = successor
    this.#generation.predecessor?.claim('leave')
    const drain = this.#newDrain('handed-over', mover, successor)
    this.#generation.dispatch({ name: 'successor-proven', drain })
    const drained = drain.run()
    this.#generation.control.handOver(successor, report)
    this.#left = drained.then((drained) => this.#leave(drain, drained, { successor, report }))
  }

  /** Passes a reload signal on to the generation that serves. Returns whether that is a successor of this one. */
  passOn(signal: string): boolean {
    const successor = this.#successor
    if (!successor || successor.exit) return false
    this.#generation.logger.info(
      { signal },
      `${signal}: passed on to successor ${successor.pid}, which serves`,
    )
    successor.send({ type: 'reload-again', signal })
    return true
  }

  /**
   * The successor has died: this generation, which still drains, listens and serves again. Returns how many connections
   * went with the successor, or `undefined` where it is too late.
   */
  serveAgain(listen: () => void): number | undefined {
    const { state, tracker } = this.#generation
    if (state.name !== 'draining' || state.because !== 'handed-over') return undefined
    let gone = 0
    const serve = () => {
      gone = Object.values(tracker.fates).reduce((sum, { moved, lost }) => sum + moved + lost, 0)
      tracker.stopDraining()
    }
    if (!state.drain.cancel({ serve, listen })) return undefined
    this.#left = undefined
    this.#successor = undefined
    this.#generation.dispatch({ name: 'successor-lost' })
    return gone
  }

  /** Resolves when everything has drained and the hooks have run. A second call returns the same promise. */
  shutdown(signal?: string): Promise<ShutdownReport> {
    this.#signal ??= signal
    const generation = this.#generation
    const { state } = generation
    if (state.name === 'draining' && state.because === 'handed-over') {
      state.drain.becomeShutdown()
      generation.dispatch({ name: 'shutdown', drain: state.drain })
    }
    this.#left ??= this.#startShutdown()
    return this.#left
  }

  #startShutdown(): Promise<ShutdownReport> {
    const generation = this.#generation
    const { state } = generation
    generation.predecessor?.claim('leave')
    const drain = this.#newDrain('shutdown')
    generation.dispatch({ name: 'shutdown', drain })
    // A successor that is taken back ends without the service.
    if (generation.startup.ownsService) void generation.serviceManager.stopping()
    const successorEnded =
      state.name === 'handing-over' ? this.#endSuccessor(state.successor, drain) : undefined
    return drain.run().then(async (report) => {
      await successorEnded
      return this.#leave(drain, report)
    })
  }

  #endSuccessor(successor: Successor, drain: Drain): Promise<void> {
    drain.onCutShort(() => successor.cutShort())
    return successor.end('shutdown', this.#generation.settings.drainTimeoutMs)
  }

  #newDrain(because: DrainReason, mover?: Mover, successor?: Successor): Drain {
    const { tracker, logger, settings, listeners, startup, predecessor, supervisor, state, hooks } =
      this.#generation
    const { platform } = this.#generation
    // A successor that is taken back leaves the listeners, and the files of Unix sockets, to its predecessor; a
    // worker to its supervisor.
    const forGood = because === 'shutdown' && startup.ownsService && !supervisor?.alive
    // Nobody sends requests here because of what was said of a generation that was never ready.
    const atOnce = state.name === 'starting' || !startup.ownsService || supervisor?.alive === false
    const limits = atOnce ? { ...settings, shutdownDelayMs: 0 } : settings
    return new Drain(because, {
      tracker,
      logger,
      limits,
      closeListeners: () => listeners.close({ forGood }),
      beforeDrain: hooks.beforeDrain.length > 0 ? (cut) => this.#runBeforeDrain(because, cut) : undefined,
      predecessor,
      mover,
      successorRuns: successor && !supervisor ? () => platform.isRunning(successor.pid ?? 0) : undefined,
    })
  }

  async #runBeforeDrain(because: DrainReason, cut: AbortSignal): Promise<void> {
    this.#hookFailures.push(...(await this.#generation.hooks.runBeforeDrain(this.#leaveFor(because), cut)))
  }

  #leaveFor(reason: DrainReason): Leave {
    return { reason, ...(this.#signal === undefined ? {} : { signal: this.#signal }) }
  }

  /** Reports, runs the hooks, exits. */
  async #leave(drain: Drain, drained: DrainReport, handedOver?: HandedOver): Promise<ShutdownReport> {
    const generation = this.#generation
    const report = this.#finalReport(drained, handedOver?.report)
    const { ms, cut } = drained
    generation.logger.info({ report }, `drained in ${ms} ms: ${formatFates(drained)}`)
    generation.tell('report', report)
    reportChannel.publish(report)
    if (handedOver) await unlessAborted(handedOver.successor.finish(report), drain.over).catch(() => {})
    const leave = this.#leaveFor(drained.because === 'handed-over' ? 'handed-over' : 'shutdown')
    const failures = await generation.hooks.runDrained(report, leave, drain.over)
    const hookFailures = [...this.#hookFailures, ...failures]
    const code = cut.length > 0 || drain.wasCutShort || hookFailures.length > 0 ? 1 : 0
    generation.dispatch({ name: 'drained', code })
    await unlessAborted(generation.control.finish(code), drain.over).catch(() => {})
    if (generation.settings.exit || handedOver) setImmediate(() => this.#exit(code))
    else generation.letGo()
    return { ...drained, hookFailures }
  }

  /** Exits after the code that awaits `shutdown()` has run. */
  #exit(code: 0 | 1): void {
    this.#generation.pidFile.remove()
    this.#generation.platform.exit(code)
  }

  #finalReport(drain: DrainReport, reload: ReloadReport | undefined): FinalReport {
    const { number, platform, tracker } = this.#generation
    const { requests } = tracker
    return { generation: number, pid: platform.pid, requests, drain, ...(reload ? { reload } : {}) }
  }
}

interface HandedOver {
  readonly successor: Successor
  readonly report: ReloadReport
}
