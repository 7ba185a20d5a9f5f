/** How a generation ends: because its successor is proven, or because it shuts down. */
import type net from 'node:net'
import type { DrainReport, FinalReport, HookFailure, ReloadReport, ShutdownReport } from '../base/report.js'
import { formatOutcomes } from '../base/report-text.js'
import { unlessAborted } from '../base/timeouts.js'
import { totalOf } from '../connections/counting.js'
import type { ControlEndpoint } from '../control/endpoint.js'
import type { Successor } from '../succession/successor.js'
import type { ControlTarget } from './control-target.js'
import { Drain } from './drain.js'
import type { Handover } from './handover.js'
import type { Leave } from './hooks.js'
import type { StepParts } from './shared-parts.js'

export interface ExitParts
  extends StepParts<
    'tracker' | 'listeners' | 'systemd' | 'hooks' | 'predecessor' | 'ownsService' | 'supervised'
  > {
  readonly control: ControlTarget
  readonly endpoint: ControlEndpoint
  /** The process continues without Handover. */
  readonly leaveProcess: () => void
  readonly removePidFile: () => void
}

export class Exit {
  readonly #parts: ExitParts
  #ended: Promise<ShutdownReport> | undefined
  #signal: string | undefined
  /** The program's own listeners got the signal. */
  #isObserved = false
  #successor: Successor | undefined
  /** The servers that this drain closes. */
  #servers: readonly net.Server[] = []
  /** Failures of `beforeDrain` hooks. */
  readonly #hookFailures: HookFailure[] = []

  constructor(parts: ExitParts) {
    this.#parts = parts
  }

  /** The successor owns the service. */
  handOver(successor: Successor, handover: Handover, report: ReloadReport): void {
    const { predecessor, machine, control, endpoint } = this.#parts
    this.#successor = successor
    predecessor()?.claim('leave')
    const drain = this.#newDrain({ successor, handover })
    machine.dispatch({ name: 'successor-proven', drain })
    const drained = drain.run()
    control.handOver(successor, report)
    endpoint.handOver((carried, handle, failed) =>
      successor.sendHandle({ type: 'control-client', ...carried }, handle, failed),
    )
    this.#ended = drained.then((drained) => this.#leave(drain, drained, report))
  }

  /** Passes a reload signal on to the successor that serves. Returns whether there is one. */
  forward(signal: string): boolean {
    const successor = this.#successor
    if (!successor || successor.exit) return false
    this.#parts.logger.info(
      { signal },
      `${signal}: passing it on to successor ${successor.pid}, which serves`,
    )
    successor.send({ type: 'reload-again', signal })
    return true
  }

  /**
   * The successor has died while this generation drains: it listens and serves again. Returns how many connections were
   * lost with the successor, or `undefined` if it is too late.
   */
  serveAgain(listen: () => void): number | undefined {
    const { machine, tracker } = this.#parts
    const { state } = machine
    if (state.name !== 'draining' || state.because !== 'handed-over') return undefined
    let lostConnections = 0
    const serve = () => {
      const { moved, lost } = totalOf(tracker.outcomes)
      lostConnections = moved + lost
      tracker.stopDraining()
    }
    if (!state.drain.cancel({ serve, listen })) return undefined
    this.#ended = undefined
    this.#successor = undefined
    machine.dispatch({ name: 'successor-lost' })
    return lostConnections
  }

  /** Resolves when everything has drained and the hooks have run. A second call returns the same promise. */
  shutdown(signal?: string, isObserved = false): Promise<ShutdownReport> {
    this.#signal ??= signal
    this.#isObserved ||= isObserved
    const { machine } = this.#parts
    const { state } = machine
    if (state.name === 'draining' && state.because === 'handed-over') {
      state.drain.becomeShutdown()
      machine.dispatch({ name: 'shutdown', drain: state.drain })
    }
    this.#ended ??= this.#startShutdown()
    return this.#ended
  }

  #startShutdown(): Promise<ShutdownReport> {
    const { machine, predecessor, ownsService, systemd } = this.#parts
    const { state } = machine
    predecessor()?.claim('leave')
    const drain = this.#newDrain()
    machine.dispatch({ name: 'shutdown', drain })
    // Otherwise the service continues in the predecessor.
    if (ownsService()) void systemd.stopping()
    const successorEnded =
      state.name === 'handing-over' ? this.#endSuccessor(state.successor, drain) : undefined
    return drain.run().then(async (report) => {
      await successorEnded
      return this.#leave(drain, report)
    })
  }

  #endSuccessor(successor: Successor, drain: Drain): Promise<void> {
    drain.onCutShort(() => successor.cutShort())
    return successor.end('shutdown', this.#parts.settings().drainTimeoutMs)
  }

  #newDrain(to?: { readonly successor: Successor; readonly handover: Handover }): Drain {
    const because = to ? 'handed-over' : 'shutdown'
    const { settings, listeners, predecessor, machine, hooks, ownsService, supervised } = this.#parts
    const supervisor = supervised()
    // The predecessor or the supervisor needs the listeners and the socket files.
    const forGood = because === 'shutdown' && ownsService() && supervisor !== 'alive'
    // The delay is for load balancers. They send nothing to a generation that was never ready.
    const hasNoDelay = machine.state.name === 'starting' || !ownsService() || supervisor === 'gone'
    const limits = hasNoDelay ? { ...settings(), shutdownDelayMs: 0 } : settings()
    const standsBy = to !== undefined && supervisor === 'no'
    return new Drain(because, {
      ...this.#parts,
      limits,
      closeListeners: () => {
        this.#servers = listeners.servers()
        return listeners.close({ forGood })
      },
      beforeDrain: hooks.beforeDrain.length > 0 ? (cut) => this.#runBeforeDrain(because, cut) : undefined,
      predecessor: predecessor(),
      mover: to?.handover.startMoving(to.successor),
      successorRuns: standsBy ? () => this.#parts.platform.isRunning(to.successor.pid ?? 0) : undefined,
    })
  }

  async #runBeforeDrain(because: Leave['reason'], cut: AbortSignal): Promise<void> {
    this.#hookFailures.push(...(await this.#parts.hooks.runBeforeDrain(this.#leaveFor(because), cut)))
  }

  #leaveFor(reason: Leave['reason']): Leave {
    return { reason, ...(this.#signal === undefined ? {} : { signal: this.#signal }) }
  }

  async #leave(drain: Drain, drained: DrainReport, reload?: ReloadReport): Promise<ShutdownReport> {
    const { self, machine, logger, tracker, hooks, control, endpoint } = this.#parts
    const { ms, cut } = drained
    const report: FinalReport = {
      generation: self.number,
      pid: self.pid,
      requests: tracker.requests,
      drain: drained,
      ...(reload && { reload }),
    }
    logger.info({ report }, `drained in ${ms} ms: ${formatOutcomes(drained)}`)
    machine.notify('report', report)
    const successor = this.#successor
    if (successor) await unlessAborted(successor.finish(report), drain.over).catch(() => {})
    const leave = this.#leaveFor(drained.because === 'handed-over' ? 'handed-over' : 'shutdown')
    const failures = await hooks.runDrained(report, leave, drain.over)
    const hookFailures = [...this.#hookFailures, ...failures]
    const code = cut.length > 0 || drain.wasCutShort || hookFailures.length > 0 ? 1 : 0
    machine.dispatch({ name: 'drained', code })
    const answered = control.finish(code).then(() => endpoint.finish())
    await unlessAborted(answered, drain.over).catch(() => {})
    this.#leaveProcess(leave, drain, code)
    return { ...drained, hookFailures }
  }

  #leaveProcess({ reason }: Leave, drain: Drain, code: 0 | 1): void {
    const { settings, leaveProcess, removePidFile, platform, ownsService } = this.#parts
    const exits = settings().exit || this.#successor !== undefined
    // A successor that is taken back ends, but the service does not.
    const endsService = reason === 'shutdown' && ownsService()
    const listeners = endsService && !this.#isObserved ? this.programListeners() : []
    if (listeners.length === 0 && !exits) {
      leaveProcess()
      return
    }
    // Code that awaits `shutdown()` runs first: it may be one of the listeners.
    setImmediate(async () => {
      // A listener may end the process.
      removePidFile()
      if (listeners.length > 0) for (const server of this.#servers) platform.expectClose(server)
      const failures = await this.#runListeners(listeners, drain)
      if (exits) platform.exit(failures.length > 0 ? 1 : code)
      else leaveProcess()
    })
  }

  /** Shutdown libraries finish their work and exit, or only finish their work. */
  #runListeners(listeners: readonly (() => unknown)[], drain: Drain): Promise<HookFailure[]> {
    return this.#parts.hooks.runListeners(listeners, this.#listenedSignal ?? '', drain.over)
  }

  /** The program's own listeners for the signal of this shutdown. Without a signal, for the first that has listeners. */
  programListeners(): (() => unknown)[] {
    const signal = this.#listenedSignal
    return signal === undefined ? [] : this.#parts.platform.programListeners(signal)
  }

  get #listenedSignal(): NodeJS.Signals | undefined {
    const { platform, settings } = this.#parts
    const { shutdownSignals } = settings()
    const own = shutdownSignals.find((each) => each === this.#signal)
    return own ?? shutdownSignals.find((each) => platform.programListeners(each).length > 0)
  }
}
