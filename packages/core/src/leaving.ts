/** How a generation leaves: because its successor is proven, or because it was told to. */
import { channel } from 'node:diagnostics_channel'
import type { Mover } from './connections/move.js'
import { Drain } from './drain.js'
import type { Generation } from './generation.js'
import type { DrainReason } from './lifecycle.js'
import { removePidFile } from './pid-file.js'
import type { DrainReport, FinalReport, ReloadReport } from './report.js'
import type { Successor } from './successor.js'

const reportChannel = channel('handover:report')

export class Leaving {
  readonly #generation: Generation
  #drained: Promise<DrainReport> | undefined

  constructor(generation: Generation) {
    this.#generation = generation
  }

  /** The successor is proven: it is the service. */
  handOver(successor: Successor, mover: Mover | undefined, report: ReloadReport): void {
    const drain = this.#newDrain('handed-over', mover)
    this.#generation.dispatch({ name: 'successor-proven', drain })
    this.#drained = drain.run()
    this.#generation.control.handOver(successor, report)
    void this.#drained.then((drained) => this.#leave(drain, drained, { successor, report }))
  }

  /** Asking twice gives the same answer. */
  shutdown(): Promise<DrainReport> {
    const generation = this.#generation
    const { state } = generation
    if (state.name === 'draining' && state.because === 'handed-over') {
      state.drain.becomeShutdown()
      generation.dispatch({ name: 'shutdown', drain: state.drain })
    }
    this.#drained ??= this.#startShutdown()
    return this.#drained
  }

  #startShutdown(): Promise<DrainReport> {
    const generation = this.#generation
    const { state } = generation
    const drain = this.#newDrain('shutdown')
    generation.dispatch({ name: 'shutdown', drain })
    // A successor that is taken back ends without the service.
    if (generation.startup.inCharge) void generation.serviceManager.stopping()
    const successorEnded =
      state.name === 'handing-over' ? this.#endSuccessor(state.successor, drain) : undefined
    const drained = drain.run()
    void drained.then(async (report) => {
      await successorEnded
      await this.#leave(drain, report)
    })
    return drained
  }

  #endSuccessor(successor: Successor, drain: Drain): Promise<void> {
    drain.onCutShort(() => successor.cutShort())
    return successor.end(this.#generation.settings.drainTimeoutMs)
  }

  #newDrain(because: DrainReason, mover?: Mover): Drain {
    const { tracker, logger, settings, listeners, startup, predecessor, supervisor, state } = this.#generation
    // A successor that is taken back leaves the listeners, and the files of Unix sockets, to its predecessor; a
    // worker to its supervisor.
    const forGood = because === 'shutdown' && startup.inCharge && !supervisor?.alive
    // Nobody sends requests here because of what was said of a generation that was never ready.
    const atOnce = state.name === 'starting' || !startup.inCharge || supervisor?.alive === false
    const limits = atOnce ? { ...settings, shutdownDelayMs: 0 } : settings
    return new Drain(because, {
      tracker,
      logger,
      limits,
      closeListeners: () => listeners.close({ forGood }),
      predecessor,
      mover,
    })
  }

  /** Reports, runs the hooks, exits. */
  async #leave(drain: Drain, drained: DrainReport, handedOver?: HandedOver): Promise<void> {
    const generation = this.#generation
    const report = this.#finalReport(drained, handedOver?.report)
    const { ms, moved, closed, cut } = drained
    generation.logger.info(
      { report },
      `drained in ${ms} ms: ${moved} connections moved, ${closed} closed, ${cut.length} cut`,
    )
    generation.tell('report', report)
    reportChannel.publish(report)
    await handedOver?.successor.finish(report)
    const clean = await generation.hooks.runDrained()
    const code = cut.length > 0 || drain.wasCutShort || !clean ? 1 : 0
    generation.dispatch({ name: 'drained', code })
    await generation.control.finish(code)
    const { settings, platform } = generation
    if (settings.pidFile) removePidFile(settings.pidFile, platform.pid)
    platform.exit(code)
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
