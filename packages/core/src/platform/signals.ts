import type { Logger } from '../base/logger.js'
import type { Settings } from '../base/settings.js'
import type { Platform } from './process.js'

export interface SignalActions {
  reload(signal: string): void
  /** `isObserved`: the program's own listeners got the signal, before this process was a service. */
  shutdown(signal: string, isObserved: boolean): void
  cutShort(signal: string): void
}

export type SignalSettings = Pick<Settings, 'reloadSignals' | 'shutdownSignals'>

/**
 * Keeps the signals that arrive before this process is a service. A signal that the program does not observe has its
 * default action. Returns a function that stops this and returns the kept signals.
 */
export function keepSignals(
  platform: Platform,
  { reloadSignals, shutdownSignals }: SignalSettings,
  before: readonly string[] = [],
): () => readonly string[] {
  const kept = new Set<string>(before)
  const keep = (signal: string) => () => void kept.add(signal)
  const onShutdownSignal = platform.pid === 1 ? platform.onSharedSignalAsPid1 : platform.onSharedSignal
  const off = [
    ...reloadSignals.map((signal) => platform.onSharedSignal(signal, keep(signal))),
    ...shutdownSignals.map((signal) => onShutdownSignal(signal, keep(signal))),
  ]
  return () => {
    for (const each of off) each()
    return [...kept]
  }
}

/**
 * Listens for reload and shutdown signals. Handles one of the `kept` signals first, preferably a shutdown. Returns a
 * function that stops listening.
 */
export function listenForSignals(
  platform: Platform,
  { reloadSignals, shutdownSignals }: SignalSettings,
  actions: SignalActions,
  logger: Logger,
  kept: readonly string[] = [],
): () => void {
  const hadTerminal = platform.hasTerminal()
  let isShuttingDown = false
  const shutdown = (signal: string, isObserved = false) => {
    if (isShuttingDown) actions.cutShort(signal)
    else actions.shutdown(signal, isObserved)
    isShuttingDown = true
  }
  const reload = (signal: string) => {
    // SIGHUP also means that the terminal hung up (signal(7)).
    if (signal !== 'SIGHUP' || !hadTerminal || platform.hasTerminal()) return actions.reload(signal)
    // Another SIGHUP arrives when the session of the terminal ends. It must not cut the shutdown short.
    if (isShuttingDown) return
    // The application may still print.
    platform.ignoreOutputErrors('stdout', 'stderr')
    logger.info({ signal }, 'the terminal has closed: shutting down')
    shutdown(signal)
  }
  const off = [
    ...reloadSignals.map((signal) => platform.onSignal(signal, () => reload(signal))),
    ...shutdownSignals.map((signal) => platform.onSignal(signal, () => shutdown(signal))),
  ]
  const keptShutdown = shutdownSignals.find((signal) => kept.includes(signal))
  const keptReload = reloadSignals.find((signal) => kept.includes(signal))
  if (keptShutdown) shutdown(keptShutdown, true)
  else if (keptReload) reload(keptReload)
  return () => {
    for (const each of off) each()
  }
}
