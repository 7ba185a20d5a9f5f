/** One reload: from what the operator asked for to a successor that is proven, or to the reason why not. */
import type net from 'node:net'
import { errorData, HandoverError } from '../base/errors.js'
import type { Phase, ReloadReport } from '../base/report.js'
import { tlsSessionsOf } from '../platform/tls-sessions.js'
import type { Receipt } from '../protocol/generation-messages.js'
import type { Inheritance, ListenerEntry, TlsSessions } from '../protocol/inheritance.js'
import { wireVersion } from '../protocol/version.js'
import { StandBy } from '../succession/stand-by.js'
import { Successor } from '../succession/successor.js'
import { successorCommand } from '../succession/successor-command.js'
import { type Exit, lostSuccessor } from '../succession/successor-errors.js'
import type { TakenOver } from '../succession/successor-events.js'
import { firstListenerFd, type SuccessorProcess, spawnSuccessor } from '../succession/successor-process.js'
import { Mover } from '../transfer/mover.js'
import type { Generation } from './generation.js'
import { tooLate } from './late-server.js'

export class Reload {
  readonly #generation: Generation
  readonly #startedAt = new Date()
  readonly #phases: Phase[] = []
  /** The descriptors by which the successor knows the listeners of our servers. */
  readonly #listeners = new Map<net.Server, number>()
  #takenOver: TakenOver = { listeners: [], http1: [], protocols: [] }
  readonly #standBy = new StandBy()
  #entries: readonly ListenerEntry[] = []
  #stateGiven = false
  #successor: Successor | undefined
  #mover: Mover | undefined

  constructor(generation: Generation) {
    this.#generation = generation
  }

  async run(): Promise<ReloadReport> {
    const generation = this.#generation
    try {
      // This generation's own predecessor must not serve again beside the successor.
      generation.predecessor?.claim('leave')
      void generation.serviceManager.reloading()
      const successor = this.#start()
      await this.#bringUp(successor)
      return this.#letGo(successor)
    } catch (error) {
      throw await this.#giveUp(error)
    }
  }

  /** Why there can be no reload now. */
  refusal(): HandoverError | undefined {
    const { state, number, platform, listeners } = this.#generation
    const facts = { generation: number, state: state.name }
    const unsupported = platform.unsupported()
    if (unsupported) {
      return new HandoverError(
        'ERR_HANDOVER_UNSUPPORTED',
        `A reload is not possible here: ${unsupported}. The graceful shutdown works.`,
        facts,
      )
    }
    if (state.name === 'starting') {
      return new HandoverError(
        'ERR_HANDOVER_NOT_READY',
        `Generation ${number} is not ready yet, so it cannot be reloaded. Wait for ready().`,
        facts,
      )
    }
    if (state.name === 'handing-over' || (state.name === 'ready' && state.onProbation)) {
      return new HandoverError(
        'ERR_HANDOVER_IN_PROGRESS',
        `A reload is under way; generation ${number} serves. Ask again when it has ended.`,
        facts,
      )
    }
    if (state.name === 'ready') return listeners.hasLate ? tooLate(number) : undefined
    return new HandoverError(
      'ERR_HANDOVER_DRAINING',
      `Generation ${number} is ${state.name}: it can hand over no more.`,
      facts,
    )
  }

  #start(): Successor {
    const generation = this.#generation
    const { origin, platform, settings, listeners } = generation
    this.#restoreFiles()
    const handedOn = listeners.handOn()
    for (const [i, { server }] of handedOn.entries()) this.#listeners.set(server, firstListenerFd + i)
    this.#entries = handedOn.map(({ entry }) => entry)
    const start = platform.startOf(platform.pid)
    const spawn = this.#starter({
      version: wireVersion,
      predecessor: platform.pid,
      ...(start !== undefined && { predecessorStart: start }),
      generation: generation.number + 1,
      ...(origin.hadProgramChannel && { ipc: true }),
      umask: origin.umask,
      signals: settings.reloadSignals,
      unavailable: listeners.unavailable(),
      listeners: this.#entries,
    })
    const events = {
      onHello: () => this.#successor?.send({ type: 'greeting', tlsSessions: this.#tlsSessions() }),
      onStateWanted: () => void this.#handStateOn(),
      onReceived: (receipt: Receipt) => this.#mover?.confirm(receipt),
      onNoMore: () => this.#mover?.stop(),
      onGone: () => (this.#successor?.standsBy ? this.#mover?.pause() : this.#mover?.abandon()),
      onEndDrain: (which: number) => generation.drainingLimit.onEndDrain(which),
      onDuplicate: (listener: number, handle: object) => this.#standBy.keep(listener, handle),
      onStoodDown: () => this.#standBy.end(),
      onLost: (exit: Exit) => void this.#serveAgain(exit),
    }
    const successor = new Successor(spawn, settings.reloadSignals, events)
    this.#successor = successor
    generation.dispatch({ name: 'successor-started', successor })
    return successor
  }

  /** A successor inherits a socket, not its path: a file that another process removed would stay missing. */
  #restoreFiles(): void {
    const { listeners, logger, number, platform, supervisor } = this.#generation
    for (const { server, path, file, why } of listeners.restoreFiles(platform)) {
      if (file) {
        supervisor?.onRestored(server)
        logger.warn({ path }, `restored the socket file ${path}, which another process had removed`)
      } else {
        logger.warn(
          { path },
          `the socket file ${path} of generation ${number} was removed and cannot be restored: ${why}. Clients cannot ` +
            'connect there; stop and start the service when the path is free',
        )
      }
    }
  }

  /** A supervisor starts it for us, and knows which program. Errors: `ERR_HANDOVER_PROGRAM_MISSING`. */
  #starter(inheritance: Inheritance): () => SuccessorProcess {
    const { supervisor, origin, platform, settings } = this.#generation
    if (supervisor) return () => supervisor.startSuccessor(inheritance, [...this.#listeners.keys()])
    const command = successorCommand(origin, platform, settings.successor)
    return () => spawnSuccessor(platform, command, inheritance)
  }

  async #bringUp(successor: Successor): Promise<void> {
    const { control, settings } = this.#generation
    const { readyTimeoutMs, probationMs } = settings
    control.phase('starting', successor, readyTimeoutMs)
    await this.#timed('starting', () => successor.untilReady(readyTimeoutMs))
    control.phase('probation', successor, probationMs)
    await this.#timed('probation', async () => {
      await successor.outliveProbation(probationMs)
      await successor.offer()
      this.#throwUnlessHandingOver(successor)
      this.#takenOver = await successor.own()
    })
    await this.#generation.serviceManager.handedOver(successor.pid as number, this.#generation.number + 1)
    this.#throwUnlessHandingOver(successor)
  }

  #throwUnlessHandingOver(successor: Successor): void {
    successor.throwIfFailed()
    if (this.#generation.state.name !== 'handing-over') throw this.refusal()
  }

  /** The successor is the service: this generation drains, and leaves. */
  #letGo(successor: Successor): ReloadReport {
    const report = this.#report('handed-over')
    successor.letGo()
    successor.release()
    this.#mover = this.#newMover(successor)
    this.#generation.leaveTo(successor, this.#mover, report)
    this.#standBy.begin(() => successor.standDown())
    this.#generation.tell('handed-over', report)
    return report
  }

  /** The successor has died. If this generation still drains, it owns the service again. */
  async #serveAgain(exit: Exit): Promise<void> {
    const generation = this.#generation
    const lost = generation.supervisor ? undefined : generation.serveAgain(() => this.#listenAgain())
    if (lost === undefined) {
      this.#mover?.abandon()
      return this.#standBy.end()
    }
    const error = lostSuccessor(this.#successor?.pid, exit, generation.number, lost)
    Object.assign(error, { report: this.#report('failed', error, lost) })
    await this.#tellFailed(error)
  }

  #listenAgain(): void {
    const duplicates = this.#standBy.take(this.#listeners)
    for (const [i, [server, duplicate]] of [...duplicates].entries()) {
      const entry = this.#entries[i] as ListenerEntry
      // The control socket gets a new listener for its path, for this user only.
      if (!duplicate && entry.control) continue
      this.#generation.listeners.listenAgain(server, duplicate, entry)
    }
  }

  #tlsSessions(): (readonly [number, TlsSessions])[] {
    return [...this.#listeners].flatMap(([server, fd]) => {
      const sessions = tlsSessionsOf(server)
      return sessions ? [[fd, sessions] as const] : []
    })
  }

  #newMover(successor: Successor): Mover | undefined {
    const { number, settings, tracker, logger } = this.#generation
    if (!settings.moveConnections) return undefined
    return new Mover({
      listenerOf: (server) => {
        const fd = this.#listeners.get(server)
        return fd !== undefined && this.#takenOver.http1.includes(fd) ? fd : undefined
      },
      protocols: new Set(this.#takenOver.protocols),
      idle: () => new Set(tracker.idle()),
      send: (message, handle, failed) => successor.sendConnection(message, handle, failed),
      sent: (upTo) => successor.send({ type: 'sent', upTo }),
      sendLate: (id, data) => successor.send({ type: 'late', id, data }),
      moved: (connection) => tracker.end(connection, 'moved'),
      lost: (connection) => tracker.end(connection, 'lost'),
      keep: (connection) => tracker.stay(connection),
      short: () =>
        logger.warn(
          { successor: successor.pid },
          `successor ${successor.pid} is short of file descriptors and takes no more connections for now; generation ` +
            `${number} keeps serving the other connections. Raise the limit of the service (ulimit -n, LimitNOFILE)`,
        ),
      failed: (protocol, error) =>
        logger.error({ err: error, protocol }, `a connection cannot be moved (${protocol}): ${error}`),
    })
  }

  /** Ends the successor and says why. Back to `ready`, unless a shutdown came in between. */
  async #giveUp(thrown: unknown): Promise<HandoverError> {
    const generation = this.#generation
    const successor = this.#successor
    if (successor && !successor.exit) {
      const { pid } = successor
      generation.logger.warn({ pid }, `ending successor ${pid}: ${(thrown as Error).message}`)
    }
    await successor?.end('failed', generation.settings.drainTimeoutMs)
    const interrupted = generation.state.name === 'draining' ? this.refusal() : undefined
    const error = interrupted ?? (thrown as HandoverError)
    Object.assign(error, { report: this.#report('failed', error) })
    generation.dispatch({ name: 'successor-failed' })
    this.#standBy.end()
    if (!interrupted) await this.#tellFailed(error)
    return error
  }

  async #tellFailed(error: HandoverError): Promise<void> {
    const generation = this.#generation
    generation.writePidFile()
    generation.logger.error({ err: error, report: error.report }, `reload failed: ${error.message}`)
    if (this.#stateGiven) await generation.hooks.runFailed()
    await generation.serviceManager.reloadFailed(error.message)
    generation.tell('reload-failed', error)
  }

  async #handStateOn(): Promise<void> {
    const { hooks } = this.#generation
    const successor = this.#successor
    try {
      this.#stateGiven = true
      successor?.send({ type: 'state', value: await hooks.limited(hooks.state, 'provideState') })
    } catch (cause) {
      const why = (cause as Error)?.message ?? String(cause)
      const error = new HandoverError(
        'ERR_HANDOVER_STATE',
        `The state for the successor could not be handed on: ${why}. Generation ${this.#generation.number} keeps serving.`,
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
    lost = this.#successor?.openConnections ?? 0,
  ): ReloadReport {
    const { number, platform, tracker } = this.#generation
    const successor = this.#successor
    const { cause } = error ?? {}
    return {
      outcome,
      generation: number,
      pid: platform.pid,
      successor: { generation: number + 1, pid: successor?.pid },
      startedAt: this.#startedAt.toISOString(),
      phases: this.#phases,
      connections: tracker.counts(),
      foreignMessages: successor?.foreignMessages ?? [],
      ...(error && {
        failure: {
          ...errorData(error),
          ...(cause === undefined ? {} : { cause: errorData(cause) }),
          ...(successor?.exit && { exitCode: successor.exit.code, signal: successor.exit.signal }),
          lost,
        },
      }),
    }
  }
}
