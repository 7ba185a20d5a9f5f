/** The messages of a worker, by the part that handles them: each has a table with a handler for every type. */
import type { FromWorker } from '@handover/core/supervision'

export type MessageOf<Type extends FromWorker['type']> = Extract<FromWorker, { readonly type: Type }>

type OnlyRecorded = MessageOf<'serves' | 'drained'>
/** Messages with facts that the worker records. */
export type Recorded = OnlyRecorded | MessageOf<'registered' | 'state' | 'closed'>
export type OfRebalancer = MessageOf<
  'shareable' | 'to-peer' | 'sent-to-peer' | 'shared' | 'can-accept' | 'peer-accepted'
>
/** Messages that a reload or a command waits for. */
type AwaitedReplies = MessageOf<'reload-wanted' | 'reloaded' | 'reload-failed' | 'status' | 'progress'>
/** All other messages: a new type does not compile until the supervisor, or one of these parts, handles it. */
export type OfSupervisor = Exclude<FromWorker, OnlyRecorded | OfRebalancer | AwaitedReplies>
