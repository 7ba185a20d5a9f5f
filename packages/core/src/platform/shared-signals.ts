import { constants } from 'node:os'

/**
 * Observes a signal only while the program observes it, too. Otherwise the signal keeps its default action, and ends a
 * process that is not a service yet.
 */
export function onSharedSignal(signal: NodeJS.Signals, listener: () => void): () => void {
  const others = () => process.listeners(signal).filter((each) => each !== listener).length
  const isOn = () => process.listeners(signal).includes(listener)
  const onAdded = (event: string | symbol, added: unknown) => {
    if (event === signal && added !== listener && !isOn()) process.on(signal, listener)
  }
  const onRemoved = (event: string | symbol) => {
    if (event === signal && others() === 0) process.off(signal, listener)
  }
  if (others() > 0) process.on(signal, listener)
  process.on('newListener', onAdded).on('removeListener', onRemoved)
  return () => {
    process.off('newListener', onAdded).off('removeListener', onRemoved)
    process.off(signal, listener)
  }
}

/**
 * The same for a shutdown signal in PID 1. There the kernel ignores a signal without a handler (pid_namespaces(7)), so
 * this exits in place of the default action (test/system/container-stop.test.ts).
 */
export function onSharedSignalAsPid1(signal: NodeJS.Signals, listener: () => void): () => void {
  const either = () => {
    if (process.listenerCount(signal) > 1) listener()
    else process.exit(128 + constants.signals[signal])
  }
  // Before the program's listeners: Node removes those of `once` when it calls them.
  process.prependListener(signal, either)
  return () => void process.off(signal, either)
}
