/** What signals request of a generation, and the reload signals that it keeps until it can reload. */
import { type HandoverError, isReported } from '../base/errors.js'
import { ReloadRequests } from '../base/reload-requests.js'
import { keepSignals, listenForSignals, type WantedSignals } from '../platform/signals.js'
import type { SharedParts } from './shared-parts.js'

export interface SignalParts extends Pick<SharedParts, 'self' | 'logger' | 'machine' | 'platform'> {
  readonly wanted: () => WantedSignals
  /** Reload signals that the preload kept. */
  readonly early: readonly string[]
  /** Core listens for signals from now on. */
  readonly onListen: () => void
  /** Requests the reload from the supervisor. Returns `false` where there is none. */
  readonly askSupervisor: () => boolean
  /** Passes the signal on to a successor that serves. Returns whether there is one. */
  readonly forward: (signal: string) => boolean
  readonly reload: () => Promise<unknown>
  readonly shutdown: (signal: string) => void
  readonly cutShort: () => void
}

export class SignalRequests {
  readonly #parts: SignalParts
  readonly #requests: ReloadRequests
  #stopListening: (() => void) | undefined
  /** Stops keeping signals, and returns the kept ones. */
  #kept: (() => readonly string[]) | undefined
  #keptReload: string | undefined

  constructor(parts: SignalParts) {
    this.#parts = parts
    this.#requests = new ReloadRequests((signal) => this.#startReload(signal), parts.logger)
  }

  /** Until this process is a service, its signals are its own. Those that arrive are not lost. */
  keep(kept?: readonly string[]): void {
    const { platform, wanted } = this.#parts
    if (platform.isMainThread) this.#kept = keepSignals(platform, wanted(), kept)
  }

  /** From the first listener on, or once it comes up without one, this process is a service. */
  listen(): void {
    if (this.#stopListening || !this.#parts.platform.isMainThread) return
    this.#start(this.#kept?.())
    this.#parts.onListen()
  }

  /** The signals that mean a reload or a shutdown have changed. */
  change(): void {
    if (!this.#stopListening) {
      this.keep(this.#kept?.())
      return
    }
    this.#stopListening()
    this.#start()
  }

  stop(): void {
    this.#requests.cancel()
    this.#kept?.()
    this.#stopListening?.()
  }

  /** A reload runs: signals that arrive now request another one. */
  reloadBegins(): void {
    this.#requests.begin()
  }

  reloadEnded(): void {
    const signal = this.#requests.end()
    if (signal) this.requestReload(signal)
  }

  /** This generation owns the service: a reload signal that came before that counts now. Several are one reload. */
  takeKept(): void {
    const { wanted, early } = this.#parts
    const signal = this.#keptReload ?? wanted().reloadSignals.find((each) => early.includes(each))
    if (signal) this.requestReload(signal)
  }

  requestReload(signal: string): void {
    const { self, logger, machine, askSupervisor, forward } = this.#parts
    if (askSupervisor()) return
    if (machine.state.name === 'starting' || machine.isOnProbation) {
      this.#keptReload = signal
      logger.info({ signal }, `${signal}: kept until generation ${self.number} is in charge`)
      return
    }
    if (!forward(signal)) this.#requests.request(signal)
  }

  #start(kept?: readonly string[]): void {
    const { platform, logger, wanted, shutdown, cutShort } = this.#parts
    const actions = {
      reload: (signal: string) => this.requestReload(signal),
      shutdown: (signal: string) => {
        logger.info({ signal }, `${signal}: shutting down`)
        shutdown(signal)
      },
      cutShort: (signal: string) => {
        logger.warn({ signal }, `${signal} again: cutting the drain short`)
        cutShort()
      },
    }
    this.#stopListening = listenForSignals(platform, wanted(), actions, logger, kept)
  }

  #startReload(signal: string): void {
    this.#parts.reload().catch((error: HandoverError) => {
      // A failure was reported when it happened; what remains is a signal that came at the wrong time.
      if (!isReported(error))
        this.#parts.logger.warn({ signal, code: error.code }, `${signal} ignored: ${error.message}`)
    })
  }
}
