import type { Logger } from './logger.js'
import type { Platform } from './platform.js'

export interface SignalActions {
  reload(signal: string): void
  shutdown(signal: string): void
  /** A shutdown signal came again. */
  cutShort(signal: string): void
}

/** Listens for the signals of reload and shutdown. Returns the way back. */
export function listenForSignals(
  platform: Platform,
  wanted: {
    readonly reloadSignals: readonly NodeJS.Signals[]
    readonly shutdownSignals: readonly NodeJS.Signals[]
  },
  actions: SignalActions,
  logger: Logger,
): () => void {
  const hadTerminal = platform.hasTerminal()
  let asked = false
  const shutdown = (signal: string) => {
    if (asked) actions.cutShort(signal)
    else actions.shutdown(signal)
    asked = true
  }
  const reload = (signal: string) => {
    // SIGHUP also means that the terminal is gone (signal(7)).
    if (signal !== 'SIGHUP' || !hadTerminal || platform.hasTerminal()) return actions.reload(signal)
    // It comes again when the session of the terminal ends, which nobody means as a second word.
    if (asked) return
    // Also what the application goes on to print.
    platform.outliveOutput('stdout', 'stderr')
    logger.info({ signal }, 'the terminal is gone: shutting down')
    shutdown(signal)
  }
  const off = [
    ...wanted.reloadSignals.map((signal) => platform.onSignal(signal, () => reload(signal))),
    ...wanted.shutdownSignals.map((signal) => platform.onSignal(signal, () => shutdown(signal))),
  ]
  return () => {
    for (const each of off) each()
  }
}
