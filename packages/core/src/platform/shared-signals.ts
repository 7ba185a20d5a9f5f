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
