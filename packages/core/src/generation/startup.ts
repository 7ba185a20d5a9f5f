/** How a generation comes up: what must listen, which hooks run before it is ready, and how it fails. */
import type net from 'node:net'
import { deferred } from '../base/deferred.js'
import type { Listeners } from '../listeners/listeners.js'
import { Readiness, type ReadyCondition } from './readiness.js'
import type { SharedParts } from './shared-parts.js'

/** How often a generation on probation reports its open connections. */
const openConnectionsMs = 50
/** How long a server may listen without the awaited application before the log says so. */
const warnMs = 5_000

export interface StartupParts
  extends Pick<SharedParts, 'logger' | 'machine' | 'predecessor' | 'ownsService'> {
  /** `ready: 'manual'`: only {@link Startup.begin} starts the hooks. */
  readonly isManual: () => boolean
  /** Startup begins. Called once, before the hooks. */
  readonly onBegin: () => void
  readonly beforeReady: () => Promise<void>
  /** Serves the control socket. The first generation does that before anyone reads that it is ready. */
  readonly startControl: () => Promise<void>
  readonly listeners: Pick<Listeners, 'claimed' | 'startAccepting'>
  readonly openConnections: () => number
  /** Ready without a predecessor that can still take this generation back. */
  readonly own: () => void
  /** This generation cannot come up. Reports that and ends the process. */
  readonly onFailed: (error: unknown) => Promise<void>
}

export class Startup {
  readonly #parts: StartupParts
  readonly #readiness = new Readiness()
  readonly #ready = deferred()
  #begun = false

  constructor(parts: StartupParts) {
    this.#parts = parts
    // A failure must not end a program that does not wait for it.
    this.#ready.promise.catch(() => {})
  }

  /** Resolves when this generation is ready. Errors: `ERR_HANDOVER_ADDRESS_IN_USE`, and those of `beforeReady` hooks. */
  get ready(): Promise<void> {
    return this.#ready.promise
  }

  /** Its owner closed the server. Returns whether it was the last one that startup waited for. */
  forget(server: net.Server): boolean {
    return this.#readiness.forget(server)
  }

  /** What must listen before this generation is ready. */
  await(what: ReadyCondition): void {
    this.#readiness.await(what)
    const isThere = 'nothing' in what || ('server' in what && what.server.listening)
    if (isThere) setImmediate(() => this.consider())
  }

  onClosed(server: net.Server): void {
    this.#readiness.closed(server)
  }

  onListening(server: net.Server): void {
    this.#readiness.listening(server)
    this.consider()
  }

  /** A successor that cannot bind has failed, even if its program ignores the error. */
  onListenError(server: net.Server, error: Error): void {
    const { machine, predecessor } = this.#parts
    if (machine.state.name !== 'starting') return
    if (predecessor()) void this.fail(error)
    else if (this.#readiness.awaits(server)) this.#ready.reject(error)
  }

  /** Begins if everything that startup waits for listens. */
  consider(): void {
    if (this.#parts.isManual()) return
    if (this.#readiness.complete) this.begin()
    else this.#warnIfWrapped()
  }

  /** Runs the hooks, then this generation is ready. Once. */
  begin(): void {
    if (this.#begun) return
    this.#begun = true
    this.#parts.onBegin()
    this.#prepare().catch((error: unknown) => this.fail(error))
  }

  /** This generation cannot come up. */
  fail(error: unknown): Promise<void> {
    this.#ready.reject(error)
    return this.#parts.onFailed(error)
  }

  async #prepare(): Promise<void> {
    const { machine, predecessor, beforeReady, startControl, listeners, ownsService, own } = this.#parts
    const isStarting = () => machine.state.name === 'starting'
    // A kept signal may have requested a shutdown.
    if (!isStarting()) return
    await beforeReady()
    listeners.claimed.continueTlsSessions((await predecessor()?.tlsSessions) ?? [])
    if (!predecessor()) await startControl()
    if (!isStarting()) return
    listeners.startAccepting()
    const onProbation = !ownsService()
    machine.dispatch({ name: 'ready', onProbation })
    void predecessor()?.say({ type: 'ready' })
    if (onProbation) this.#reportOpenConnections()
    else own()
    this.#ready.resolve()
  }

  /** What is lost if this generation dies now, for the predecessor's report. */
  #reportOpenConnections(): void {
    const { machine, predecessor, openConnections } = this.#parts
    let reported = 0
    const timer = setInterval(() => {
      if (!machine.isOnProbation) return clearInterval(timer)
      const connections = openConnections()
      if (connections !== reported) void predecessor()?.say({ type: 'open', connections })
      reported = connections
    }, openConnectionsMs)
    timer.unref()
  }

  /** A server that listens while its application is missing is most likely a wrapper around it. */
  #warnIfWrapped(): void {
    const application = this.#readiness.missingApplication()
    if (!application) return
    const timer = setTimeout(() => {
      if (this.#begun || this.#readiness.complete) return
      this.#parts.logger.warn(
        {},
        `not ready: a server listens, but none that serves the ${application} application itself. If it is ` +
          "wrapped, use graceful(server) of @handover/core, or ready: 'manual'",
      )
    }, warnMs)
    timer.unref()
  }
}
