/** The reloads and shutdowns that signals request. Keeps reload signals until this generation can reload. */
import { type HandoverError, isReported } from '../base/errors.js'
import { ReloadRequests } from '../base/reload-requests.js'
import type { Origin } from '../platform/launch-context.js'
import { keepSignals, listenForSignals } from '../platform/signals.js'
import type { StepParts } from './shared-parts.js'

export interface SignalParts extends StepParts<'reload' | 'shutdown'> {
  /** Reload signals that the preload kept. */
  readonly early: Origin['early']
  /** Requests the reload from the supervisor. Returns `false` if no supervisor runs. */
  readonly requestFromSupervisor: () => boolean
  /** Passes the signal on to a successor that serves. Returns whether there is one. */
  readonly forward: (signal: string) => boolean
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

  /** Before {@link listen}, signals belong to the program. Keeps those that it observes. */
  keep(kept?: readonly string[]): void {
    const { platform, settings } = this.#parts
    if (platform.isMainThread) this.#kept = keepSignals(platform, settings(), kept)
  }

  /** Handles signals from now on. Call it at the first listener, or when startup begins without one. */
  listen(): void {
    const { platform, early } = this.#parts
    if (this.#stopListening || !platform.isMainThread) return
    this.#start(this.#kept?.())
    early.release()
  }

  /** The signal options have changed. */
  optionsChanged(): void {
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

  /** A reload runs: a signal that arrives now requests another one. */
  reloadBegins(): void {
    this.#requests.begin()
  }

  reloadEnded(): void {
    const signal = this.#requests.end()
    if (signal) this.requestReload(signal)
  }

  /** This generation owns the service: handles an earlier reload signal now. Several signals start one reload. */
  handleKept(): void {
    const { settings, early } = this.#parts
    const signal = this.#keptReload ?? settings().reloadSignals.find((each) => early.signals.includes(each))
    if (signal) this.requestReload(signal)
  }

  requestReload(signal: string): void {
    const { self, logger, machine, requestFromSupervisor, forward } = this.#parts
    if (requestFromSupervisor()) return
    if (machine.state.name === 'starting' || machine.isOnProbation) {
      this.#keptReload = signal
      logger.info({ signal }, `${signal}: keeping it until generation ${self.number} owns the service`)
      return
    }
    if (!forward(signal)) this.#requests.request(signal)
  }

  #start(kept?: readonly string[]): void {
    const { platform, logger, settings, shutdown, machine } = this.#parts
    const actions = {
      reload: (signal: string) => this.requestReload(signal),
      shutdown: (signal: string, isObserved: boolean) => {
        logger.info({ signal }, `${signal}: shutting down`)
        void shutdown(signal, isObserved)
      },
      cutShort: (signal: string) => {
        // A shutdown library sends itself the signal again when it has finished.
        if (machine.state.name === 'draining')
          logger.warn({ signal }, `${signal} again: cutting the drain short`)
        machine.cutDrainShort()
      },
    }
    this.#stopListening = listenForSignals(platform, settings(), actions, logger, kept)
  }

  #startReload(signal: string): void {
    const { reload, logger } = this.#parts
    reload().catch((error: HandoverError) => {
      // A reload that failed has logged its error. Any other error is a refusal.
      if (!isReported(error)) logger.warn({ signal, code: error.code }, `${signal} ignored: ${error.message}`)
    })
  }
}
