import type { Logger } from '../base/logger.js'
import type { Platform } from './process.js'

export interface SignalActions {
  reload(signal: string): void
  shutdown(signal: string): void
  /** A shutdown signal came again. */
  cutShort(signal: string): void
}

export interface WantedSignals {
  readonly reloadSignals: readonly NodeJS.Signals[]
  readonly shutdownSignals: readonly NodeJS.Signals[]
}

/**
 * Until this process is a service, a signal has its default action, unless the program observes it. Keeps the signals
 * that such an observer gets. Returns a function that stops this and returns the kept signals.
 */
export function keepSignals(
  platform: Platform,
  { reloadSignals, shutdownSignals }: WantedSignals,
  before: readonly string[] = [],
): () => readonly string[] {
  const kept = new Set<string>(before)
  const off = [...reloadSignals, ...shutdownSignals].map((signal) =>
    platform.onSharedSignal(signal, () => kept.add(signal)),
  )
  return () => {
    for (const each of off) each()
    return [...kept]
  }
}

/**
 * Listens for the signals of reload and shutdown. Among the `kept` signals, a shutdown comes before a reload.
 * Returns a function that stops listening.
 */
export function listenForSignals(
  platform: Platform,
  wanted: WantedSignals,
  actions: SignalActions,
  logger: Logger,
  kept: readonly string[] = [],
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
  const keptShutdown = wanted.shutdownSignals.find((signal) => kept.includes(signal))
  const keptReload = wanted.reloadSignals.find((signal) => kept.includes(signal))
  if (keptShutdown) shutdown(keptShutdown)
  else if (keptReload) reload(keptReload)
  return () => {
    for (const each of off) each()
  }
}
