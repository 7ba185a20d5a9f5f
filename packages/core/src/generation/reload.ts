/** One reload: from the request to a proven successor, or to the reason for the failure. */
import type net from 'node:net'
import { errorData } from '../base/error-data.js'
import { addReport, HandoverError } from '../base/errors.js'
import type { Phase, ReloadReport } from '../base/report.js'
import type { Inheritance } from '../protocol/inheritance.js'
import { wireVersion } from '../protocol/version.js'
import { Successor } from '../succession/successor.js'
import { type Exit, lostSuccessor } from '../succession/successor-errors.js'
import type { SuccessorProcess } from '../succession/successor-process.js'
import { Handover } from './handover.js'
import { refuseReload } from './refusals.js'
import type { StepParts } from './shared-parts.js'

export interface ReloadParts
  extends StepParts<'tracker' | 'listeners' | 'peers' | 'systemd' | 'hooks' | 'predecessor'> {
  /** What the successor gets in addition to the listeners. */
  readonly context: Pick<Inheritance, 'ipc' | 'umask'>
  /**
   * Returns a function that starts the successor. It calls `onBlocked` with the milliseconds that it blocked this process.
   * Errors: `ERR_HANDOVER_PROGRAM_MISSING`.
   */
  readonly launcher: (
    inheritance: Inheritance,
    servers: readonly net.Server[],
    onBlocked: (ms: number) => void,
  ) => () => SuccessorProcess
  readonly onPhase: (phase: Phase['name'], successor: Successor, limitMs: number) => void
  /** The server listens on a restored socket file. */
  readonly onRestored: (server: net.Server) => void
  /** The successor requests that this generation, or an earlier one, ends its drain. */
  readonly onEndDrain: (generation: number) => void
  /** This generation owns the service after a failed reload. */
  readonly onFailed: () => void
  /** The successor is proven. Synchronous: the event loop must not turn between the last check and the drain. */
  readonly onProven: (successor: Successor, handover: Handover, report: ReloadReport) => void
  /** Calls `listen`. Returns the number of lost connections, or `undefined` if it is too late to serve again. */
  readonly serveAgain: (listen: () => void) => number | undefined
}

export class Reload {
  readonly #parts: ReloadParts
  readonly #startedAt = new Date()
  readonly #phases: Phase[] = []
  #stateGiven = false
  #spawnMs: number | undefined
  #successor: Successor | undefined
  #handover: Handover | undefined

  constructor(parts: ReloadParts) {
    this.#parts = parts
  }

  async run(): Promise<ReloadReport> {
    try {
      const { predecessor, systemd } = this.#parts
      // The predecessor must not serve again beside the successor.
      predecessor()?.claim('leave')
      void systemd.reloading()
      this.#restoreFiles()
      const handover = new Handover(this.#parts)
      this.#handover = handover
      const successor = this.#start(handover)
      await this.#bringUp(successor, handover)
      return this.#letGo(successor, handover)
    } catch (error) {
      throw await this.#giveUp(error)
    }
  }

  #start(handover: Handover): Successor {
    const { self, machine, platform, settings, listeners, launcher, context, onEndDrain } = this.#parts
    const { reloadSignals } = settings()
    const start = platform.startOf(self.pid)
    const spawn = launcher(
      {
        version: wireVersion,
        predecessor: self.pid,
        ...(start !== undefined && { predecessorStart: start }),
        generation: self.number + 1,
        ...context,
        signals: reloadSignals,
        unavailable: listeners.watch.unavailable(),
        listeners: handover.entries,
      },
      handover.servers,
      (ms) => {
        this.#spawnMs = (this.#spawnMs ?? 0) + ms
      },
    )
    const successor = new Successor(spawn, reloadSignals, {
      ...handover.events(() => this.#successor),
      onHello: () => this.#successor?.send({ type: 'greeting', tlsSessions: handover.tlsSessions() }),
      onStateWanted: () => void this.#sendState(),
      onEndDrain,
      onLost: (exit) => void this.#serveAgain(exit, handover),
    })
    this.#successor = successor
    machine.dispatch({ name: 'successor-started', successor })
    return successor
  }

  /** A successor inherits a socket, not its file: a file that another process removed would stay missing. */
  #restoreFiles(): void {
    const { listeners, logger, self, platform, onRestored } = this.#parts
    for (const { server, path, file, why } of listeners.restoreFiles(platform)) {
      if (file) {
        onRestored(server)
        logger.warn({ path }, `restored the socket file ${path}, which another process had removed`)
      } else {
        logger.warn(
          { path },
          `the socket file ${path} of generation ${self.number} was removed and cannot be restored: ${why}. Clients ` +
            'cannot connect there; stop and start the service when the path is free',
        )
      }
    }
  }

  async #bringUp(successor: Successor, handover: Handover): Promise<void> {
    const { self, settings, systemd, onPhase } = this.#parts
    const { readyTimeoutMs, probationMs } = settings()
    onPhase('starting', successor, readyTimeoutMs)
    await this.#timed('starting', () => successor.untilReady(readyTimeoutMs))
    onPhase('probation', successor, probationMs)
    await this.#timed('probation', async () => {
      await successor.outliveProbation(probationMs)
      await successor.offer()
      this.#throwUnlessHandingOver(successor)
      handover.takenOver(await successor.own())
    })
    await systemd.handedOver(successor.pid as number, self.number + 1)
    this.#throwUnlessHandingOver(successor)
  }

  #throwUnlessHandingOver(successor: Successor): void {
    successor.throwIfFailed()
    if (this.#parts.machine.state.name !== 'handing-over') throw refuseReload(this.#parts)
  }

  /** The successor owns the service: this generation drains, and exits. */
  #letGo(successor: Successor, handover: Handover): ReloadReport {
    const report = this.#report('handed-over')
    successor.letGo()
    successor.release()
    this.#parts.onProven(successor, handover, report)
    handover.standByFor(successor)
    this.#parts.machine.notify('handed-over', report)
    return report
  }

  /** The successor has died. If this generation still drains, it serves again. */
  async #serveAgain(exit: Exit, handover: Handover): Promise<void> {
    const lost = this.#parts.serveAgain(() => handover.listenAgain())
    if (lost === undefined) return handover.abandon()
    const error = lostSuccessor(this.#successor?.pid, exit, this.#parts.self.number, lost)
    addReport(error, this.#report('failed', error, lost))
    await this.#reportFailure(error)
  }

  /** Ends the successor and reports why. This generation is ready again, unless it shuts down. */
  async #giveUp(thrown: unknown): Promise<HandoverError> {
    const { logger, machine, settings } = this.#parts
    const successor = this.#successor
    if (successor && !successor.exit) {
      const { pid } = successor
      logger.warn({ successor: pid }, `ending successor ${pid}: ${(thrown as Error).message}`)
    }
    await successor?.end('failed', settings().drainTimeoutMs)
    const interrupted = machine.state.name === 'draining' ? refuseReload(this.#parts) : undefined
    const error = interrupted ?? (thrown as HandoverError)
    addReport(error, this.#report('failed', error))
    machine.dispatch({ name: 'successor-failed' })
    this.#handover?.abandon()
    if (!interrupted) await this.#reportFailure(error)
    return error
  }

  async #reportFailure(error: HandoverError): Promise<void> {
    const { logger, hooks, systemd, machine, onFailed } = this.#parts
    onFailed()
    logger.error({ err: error, report: error.report }, `reload failed: ${error.message}`)
    if (this.#stateGiven) await hooks.runFailed()
    await systemd.reloadFailed(error.message)
    machine.notify('reload-failed', error)
  }

  async #sendState(): Promise<void> {
    const { hooks, self } = this.#parts
    const successor = this.#successor
    try {
      this.#stateGiven = true
      successor?.send({ type: 'state', value: await hooks.limited(hooks.state, 'provideState') })
    } catch (cause) {
      const why = (cause as Error)?.message ?? String(cause)
      const error = new HandoverError(
        'ERR_HANDOVER_STATE',
        `The successor cannot get the state: ${why}. Generation ${self.number} keeps serving.`,
        {},
        cause,
      )
      successor?.send({ type: 'state-failed', error: errorData(error) })
      successor?.fail(error)
    }
  }

  async #timed(name: Phase['name'], work: () => Promise<void>): Promise<void> {
    const from = performance.now()
    try {
      await work()
    } finally {
      this.#phases.push({ name, ms: Math.round(performance.now() - from) })
    }
  }

  #report(
    outcome: ReloadReport['outcome'],
    error?: HandoverError,
    lost = this.#successor?.messages.openConnections ?? 0,
  ): ReloadReport {
    const { self, tracker } = this.#parts
    const successor = this.#successor
    return {
      outcome,
      generation: self.number,
      pid: self.pid,
      successor: { generation: self.number + 1, pid: successor?.pid },
      startedAt: this.#startedAt.toISOString(),
      phases: this.#phases,
      ...(this.#spawnMs === undefined ? {} : { spawnMs: this.#spawnMs }),
      connections: tracker.counts(),
      foreignMessages: successor?.messages.foreign ?? [],
      ...(error && {
        failure: {
          ...errorData(error),
          ...(error.cause === undefined ? {} : { cause: errorData(error.cause) }),
          ...(successor?.exit && { exitCode: successor.exit.code, signal: successor.exit.signal }),
          lost,
        },
      }),
    }
  }
}
