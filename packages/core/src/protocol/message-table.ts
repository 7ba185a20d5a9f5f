/**
 * The envelope of all messages between processes, and the one reader of it. A table per direction lists the messages,
 * each with its check.
 */
import { isRecord } from '../base/guards.js'
import { anotherVersion, wireVersion } from './version.js'

/** What an envelope carries: `type` selects the row of the table. */
export interface Message {
  readonly type: string
}

/** Whether the fields of a message are well-formed. The sender can be any program, so every used field has a check. */
export type Check = (fields: Record<string, unknown>) => boolean

/** The handle that comes with a message: required or optional. A row without a rule allows none. */
export type HandleRule = 'handle' | 'maybe-handle'

type Row = Check | readonly [Check, HandleRule]

/** A row for every type of the union: a forgotten type does not compile. */
export type MessageTable<M extends Message> = Readonly<Record<M['type'], Row>>

export const anything: Check = () => true

/** `message` as it is sent. Each call names its union, as in `envelope<FromSuccessor>(…)`: it is not inferred. */
export function envelope<M extends Message = never>(message: NoInfer<M>): object {
  return { handover: wireVersion, ...message }
}

/**
 * Returns `raw` if it is a message of this table, and `undefined` if it is anything else that a program sent.
 * `hasHandle` tells whether the handle that came with it obeys the rule of its row. Errors: `ERR_HANDOVER_WIRE_VERSION`.
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

/** Calls the handler of `message`. */
export function dispatch<M extends Message, More extends readonly unknown[]>(
  message: M,
  handlers: MessageHandlers<M, More>,
  ...more: More
): void {
  const handler = handlers[message.type as M['type']] as (message: M, ...more: More) => void
  handler(message, ...more)
}

/** Calls the handler of `message` in a table for a part of its union. Ignores messages of the other parts. */
export function dispatchPart<M extends Message, More extends readonly unknown[]>(
  message: Message,
  handlers: MessageHandlers<M, More>,
  ...more: More
): void {
  if (Object.hasOwn(handlers, message.type)) dispatch(message as M, handlers, ...more)
}
