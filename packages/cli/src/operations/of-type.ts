/** Selects messages of workers by their type. */
import type { FromWorker } from '@handover/core/supervision'
import type { MessageOf } from '../supervisor/worker-messages.js'

/** Creates a filter that returns messages of these types, and `undefined` for any other message. */
export function ofType<Type extends FromWorker['type']>(
  ...types: readonly Type[]
): (message: FromWorker) => MessageOf<Type> | undefined {
  const wanted: readonly string[] = types
  return (message) => (wanted.includes(message.type) ? (message as MessageOf<Type>) : undefined)
}
