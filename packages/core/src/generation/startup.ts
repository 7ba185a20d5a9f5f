/** How a generation starts: what must listen, which hooks run before it is ready, and how it fails. */
import type net from 'node:net'
import { deferred } from '../base/deferred.js'
import { Readiness, type ReadyCondition } from './readiness.js'
import type { StepParts } from './shared-parts.js'

/** How often a generation on probation reports its open connections. */
const openConnectionsMs = 50
/** How long a server may listen before the log warns that it does not serve the application. */
const warnMs = 5_000

export interface StartupParts
  extends StepParts<'tracker' | 'listeners' | 'hooks' | 'predecessor' | 'ownsService'> {
  /** Called once, before the hooks. */
  readonly onBegin: () => void
  /** Serves the control socket. The first generation does so before it reports that it is ready. */
  readonly startControl: () => Promise<void>
  /** Takes the service over: no predecessor can roll back. */
  readonly own: () => void
  /** Reports that this generation cannot start, and ends the process. */
  readonly onFailed: (error: unknown) => Promise<void>
}

export class Startup {
  readonly #parts: StartupParts
  readonly #readiness = new Readiness()
  readonly #ready = deferred()
  #begun = false

  constructor(parts: StartupParts) {
    this.#parts = parts
    // Without a handler, a failure would end a program that does not call `ready()`.
    this.#ready.promise.catch(() => {})
  }

  /** Errors: `ERR_HANDOVER_ADDRESS_IN_USE`, and those of `beforeReady` hooks. */
  get ready(): Promise<void> {
    return this.#ready.promise
  }

  /** The owner of `server` closed it. Returns whether no other registration remains. */
  forget(server: net.Server): boolean {
    return this.#readiness.forget(server)
  }

  await(condition: ReadyCondition): void {
    this.#readiness.await(condition)
    const isMet = 'nothing' in condition || ('server' in condition && condition.server.listening)
    if (isMet) setImmediate(() => this.#beginIfComplete())
  }

  /** Whether the program registered `server` itself, or its application. */
  names(server: net.Server): boolean {
    return this.#readiness.names(server)
  }

  onClosed(server: net.Server): void {
    this.#readiness.closed(server)
  }

  onListening(server: net.Server): void {
    this.#readiness.listening(server)
    this.#beginIfComplete()
  }

  /** A successor that cannot bind has failed, even if its program ignores the error. */
  onListenError(server: net.Server, error: Error): void {
    const { machine, predecessor } = this.#parts
    if (machine.state.name !== 'starting') return
    if (predecessor()) void this.fail(error)
    else if (this.#readiness.awaits(server)) this.#ready.reject(error)
  }

  #beginIfComplete(): void {
    if (this.#parts.settings().ready === 'manual') return
    if (this.#readiness.complete) this.begin()
    else this.#warnIfWrapped()
  }

  /** Runs the hooks and then makes this generation ready. Further calls have no effect. */
  begin(): void {
    if (this.#begun) return
    this.#begun = true
    this.#parts.onBegin()
    this.#prepare().catch((error: unknown) => this.fail(error))
  }

  fail(error: unknown): Promise<void> {
    this.#ready.reject(error)
    return this.#parts.onFailed(error)
  }

  async #prepare(): Promise<void> {
    const { machine, predecessor, hooks, startControl, listeners, ownsService, own } = this.#parts
    const isStarting = () => machine.state.name === 'starting'
    // A kept signal may have requested a shutdown.
    if (!isStarting()) return
    await hooks.runBeforeReady()
    listeners.claimed.continueTlsSessions((await predecessor()?.tlsSessions) ?? [])
    if (!predecessor()) await startControl()
    if (!isStarting()) return
    listeners.startAccepting()
    const onProbation = !ownsService()
    machine.dispatch({ name: 'ready', onProbation })
    void predecessor()?.send({ type: 'ready' })
    if (onProbation) this.#reportOpenConnections()
    else own()
    this.#ready.resolve()
  }

  /** The predecessor reports these connections as lost if this generation dies now. */
  #reportOpenConnections(): void {
    const { machine, predecessor, tracker } = this.#parts
    let reported = 0
    const timer = setInterval(() => {
      if (!machine.isOnProbation) return clearInterval(timer)
      const connections = tracker.size
      if (connections !== reported) void predecessor()?.send({ type: 'open', connections })
      reported = connections
    }, openConnectionsMs)
    timer.unref()
  }

  /** A server that listens while the application is missing probably wraps the application. */
  #warnIfWrapped(): void {
    const application = this.#readiness.missingApplication()
    if (!application) return
    const timer = setTimeout(() => {
      if (this.#begun || this.#readiness.complete) return
      this.#parts.logger.warn(
        {},
        `not ready: a server listens, but no server calls the ${application} application itself. If another function ` +
          "wraps the application, use graceful(server) of @handover/core, or ready: 'manual'",
      )
    }, warnMs)
    timer.unref()
  }
}
