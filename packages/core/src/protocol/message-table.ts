/** The envelope of all messages between processes, and its only reader. Each direction has a table of its messages. */
import { isRecord } from '../base/guards.js'
import { anotherVersion, wireVersion } from './version.js'

export interface Message {
  readonly type: string
}

/** Whether the fields of a message are valid. Any program can be the sender, so every field in use has a check. */
export type Check = (fields: Record<string, unknown>) => boolean

/** Whether a handle must or may come with a message. A row without a rule allows none. */
export type HandleRule = 'handle' | 'maybe-handle'

type Row = Check | readonly [Check, HandleRule]

/** A row for every type of the union: a forgotten type does not compile. */
export type MessageTable<M extends Message> = Readonly<Record<M['type'], Row>>

export const anything: Check = () => true

/** Adds the version. Each call names its union, as in `envelope<FromSuccessor>(…)`: TypeScript does not infer it. */
export function envelope<M extends Message = never>(message: NoInfer<M>): object {
  return { handover: wireVersion, ...message }
}

/**
 * Returns `raw` if it is a message of this table, and `undefined` for anything else. `hasHandle` checks the handle of the
 * message against the rule of its row. Errors: `ERR_HANDOVER_WIRE_VERSION`.
 */
export function readMessage<M extends Message>(
  raw: unknown,
  table: MessageTable<M>,
  hasHandle: (rule: HandleRule | undefined) => boolean = () => true,
): M | undefined {
  if (!isRecord(raw) || !('handover' in raw)) return undefined
  if (raw.handover !== wireVersion) throw anotherVersion(raw.handover)
  if (typeof raw.type !== 'string' || !Object.hasOwn(table, raw.type)) return undefined
  const row: Row = table[raw.type as M['type']]
  const [check, rule] = typeof row === 'function' ? [row] : row
  return check(raw) && hasHandle(rule) ? (raw as unknown as M) : undefined
}

/** A handler for every type of the union: a forgotten type does not compile. `More` follows the message. */
export type MessageHandlers<M extends Message, More extends readonly unknown[] = [handle: unknown]> = {
  readonly [Type in M['type']]: (message: Extract<M, { readonly type: Type }>, ...more: More) => void
}

export function dispatch<M extends Message, More extends readonly unknown[]>(
  message: M,
  handlers: MessageHandlers<M, More>,
  ...more: More
): void {
  const handler = handlers[message.type as M['type']] as (message: M, ...more: More) => void
  handler(message, ...more)
}

/** As {@link dispatch}, with a table for a part of the union. Ignores other messages. */
export function dispatchPart<M extends Message, More extends readonly unknown[]>(
  message: Message,
  handlers: MessageHandlers<M, More>,
  ...more: More
): void {
  if (Object.hasOwn(handlers, message.type)) dispatch(message as M, handlers, ...more)
}
