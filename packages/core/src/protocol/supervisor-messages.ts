/** What a worker and its supervisor say to each other. Between two workers it relays what protocol/generation-messages.ts describes. */
import { constants } from 'node:os'
import type { ErrorData } from '../base/errors.js'
import { isList, isNativeHandle, isNatural, isRecord, isString } from '../base/guards.js'
import type { FinalReport, ReloadReport } from '../base/report.js'
import type { DrainReason, StateName } from '../base/state-names.js'
import type { ControlEvent, GenerationStatus } from './control-messages.js'
import {
  anotherVersion,
  type ConnectionMessage,
  type Inheritance,
  isListenerEntry,
  isReceipt,
  type ListenerEntry,
  type Receipt,
  wireVersion,
} from './generation-messages.js'
import {
  isCount,
  isData,
  isErrorData,
  isFinalReport,
  isFlag,
  isGenerationStatus,
  isProgress,
  isReason,
  isReloadReport,
  isState,
  listOf,
  optional,
  shape,
} from './message-shapes.js'

/** A worker's successors are told apart by a number that the worker gives them. */
type Relay = { readonly successor: number }

/** How long it may take to end, if it is told to: until all has drained, and then for its hooks. */
type Ending = { readonly drainMs: number; readonly hooksMs: number }

/** What a worker wants its successor to be started with; `fd` of the listeners has no meaning there. */
export interface Wanted extends Pick<Inheritance, 'unavailable'> {
  readonly generation: number
  readonly signals: readonly string[]
  readonly listeners: readonly ListenerEntry[]
}

/** The supervisor numbers shares, because an answer may arrive after its share has ended. */
type OfShare = { readonly share: number }

/** With a handle: an open connection of HTTP/1.1 at a message boundary, of the listener of that name. */
export interface PassedConnection extends OfShare, Pick<ConnectionMessage, 'number' | 'inode'> {
  readonly held: string
  /** And not before the first request: it is its keep-alive limit that runs. */
  readonly betweenRequests: boolean
}

/** Messages from a worker to the supervisor. What else it says is for its predecessor. */
export type FromWorker =
  /** The first message: it takes part. How long it may take to be ready, and for a reload, one that fails as well. */
  | ({ readonly type: 'registered'; readonly readyTimeoutMs: number; readonly reloadMs: number } & Ending)
  /** It listens, and takes no part: core is not loaded, or `graceful` was not called. */
  | { readonly type: 'stranger' }
  /** What it is now. */
  | ({
      readonly type: 'now'
      readonly state: StateName
      readonly because?: DrainReason
      readonly onProbation?: true
    } & Ending)
  /** With a handle: a listener that it has bound. */
  | { readonly type: 'listener'; readonly entry: ListenerEntry }
  /** The names of the held listeners that it serves. */
  | { readonly type: 'serves'; readonly held: readonly string[] }
  /** Its program has closed this one. */
  | { readonly type: 'closed'; readonly held: string }
  /** A signal asked it for a reload. */
  | { readonly type: 'reload-wanted' }
  /** Its reload has ended. */
  | { readonly type: 'reloaded'; readonly report: ReloadReport }
  | { readonly type: 'reload-failed'; readonly error: ErrorData; readonly report?: ReloadReport }
  /** The answer to `status-wanted`. */
  | { readonly type: 'status'; readonly status: GenerationStatus }
  /** How the reload or the shutdown that it was told to make goes on. */
  | { readonly type: 'progress'; readonly event: ControlEvent }
  /** How many connections it could give to another worker, as soon as that has changed. */
  | { readonly type: 'shareable'; readonly connections: number }
  /** One of those that it was told to give. */
  | ({ readonly type: 'to-peer' } & PassedConnection)
  /** This worker has sent all connections up to this number. The answer is `peer-has`. */
  | ({ readonly type: 'sent-to-peer'; readonly upTo: number } & OfShare)
  /** It gives no more of them. */
  | { readonly type: 'shared' }
  /** The answer to `takes`. */
  | { readonly type: 'takes' }
  /** The answer to `from-peer` and `sent-to-peer`: the connections that this worker has. */
  | ({ readonly type: 'peer-has' } & OfShare & Receipt)
  /** It has drained, and ends when its hooks have run. */
  | { readonly type: 'drained'; readonly report: FinalReport }
  | ({ readonly type: 'start-successor'; readonly wanted: Wanted } & Relay)
  /** With a handle, where the message has one. */
  | ({ readonly type: 'to-successor'; readonly message: unknown } & Relay)
  | ({ readonly type: 'signal-successor'; readonly signal: NodeJS.Signals } & Relay)

/** Messages from the supervisor to a worker. */
export type FromSupervisor =
  /** Not after `before`, in milliseconds of CLOCK_MONOTONIC: the supervisor has reported the reload as failed by then. */
  | { readonly type: 'reload'; readonly before: number }
  | { readonly type: 'shutdown' }
  | { readonly type: 'cut-short' }
  | { readonly type: 'status-wanted' }
  /** With a handle: another worker has bound this listener since this one was started. */
  | { readonly type: 'listener'; readonly entry: ListenerEntry }
  /** Nobody serves these: close them. */
  | { readonly type: 'unlisten'; readonly held: readonly string[] }
  | { readonly type: 'predecessor-ended' }
  /** Another worker has more connections: whoever answers can take some. */
  | { readonly type: 'takes' }
  /** Give so many to the worker that has the fewest. */
  | ({ readonly type: 'share'; readonly connections: number } & OfShare)
  /** What another worker gave. */
  | ({ readonly type: 'from-peer' } & PassedConnection)
  /** Another worker has sent all connections up to this number. */
  | ({ readonly type: 'sent-to-peer'; readonly upTo: number } & OfShare)
  /** The answer to `to-peer` and `sent-to-peer`. */
  | ({ readonly type: 'peer-has' } & OfShare & Receipt)
  | ({ readonly type: 'successor-started'; readonly pid: number } & Relay)
  /** It could not be started. */
  | ({ readonly type: 'successor-refused'; readonly error: ErrorData } & Relay)
  /** What the successor said. */
  | ({ readonly type: 'from-successor'; readonly message: unknown } & Relay)
  | ({
      readonly type: 'successor-ended'
      readonly code: number | null
      readonly signal: string | null
    } & Relay)

type Message = FromWorker | FromSupervisor
type Check = (raw: Record<string, unknown>) => boolean
/** The handle of a message: required, optional, or forbidden. */
type Handle = 'handle' | 'maybe-handle'
type Table<Type extends string> = Readonly<Record<Type, Check | readonly [Check, Handle]>>

const anything: Check = () => true
const isRelay: Check = ({ successor }) => isNatural(successor)
const isOfShare: Check = ({ share }) => isNatural(share)
const isPassed: Check = (raw) =>
  isOfShare(raw) &&
  isString(raw.held) &&
  isFlag(raw.betweenRequests) &&
  isNatural(raw.number) &&
  isNatural(raw.inode)
const isSent: Check = (raw) => isOfShare(raw) && isNatural(raw.upTo)
const hasTaken: Check = (raw) => isOfShare(raw) && isReceipt(raw)
const isSignal = (value: unknown) => typeof value === 'string' && Object.hasOwn(constants.signals, value)
const isExitCode = (value: unknown) => value === null || Number.isSafeInteger(value)

const isWanted = shape({
  generation: isNatural,
  signals: listOf(isSignal),
  unavailable: optional(listOf(isString)),
  listeners: listOf(isListenerEntry),
})

/** Each message that a worker can send. A program can send anything, so core reads only fields checked here. */
const fromWorker: Table<FromWorker['type']> = {
  registered: ({ readyTimeoutMs, reloadMs, drainMs, hooksMs }) =>
    isCount(reloadMs) && isCount(readyTimeoutMs) && isCount(drainMs) && isCount(hooksMs),
  now: ({ state, because, onProbation, drainMs, hooksMs }) =>
    isState(state) &&
    (because === undefined || isReason(because)) &&
    (onProbation === undefined || onProbation === true) &&
    isCount(drainMs) &&
    isCount(hooksMs),
  stranger: anything,
  listener: [({ entry }) => isListenerEntry(entry) && entry.held !== undefined && isData(entry), 'handle'],
  serves: ({ held }) => isList(held, isString),
  closed: ({ held }) => isString(held),
  'reload-wanted': anything,
  reloaded: ({ report }) => isReloadReport(report),
  'reload-failed': ({ error, report }) =>
    isErrorData(error) && (report === undefined || isReloadReport(report)),
  status: ({ status }) => isGenerationStatus(status),
  progress: ({ event }) => isProgress(event),
  shareable: ({ connections }) => isCount(connections),
  'to-peer': [isPassed, 'maybe-handle'],
  'sent-to-peer': isSent,
  shared: anything,
  takes: anything,
  'peer-has': hasTaken,
  drained: ({ report }) => isFinalReport(report),
  'start-successor': (raw) => isRelay(raw) && isWanted(raw.wanted) && isData(raw.wanted),
  'to-successor': [
    (raw) => isRelay(raw) && isRecord(raw.message) && 'handover' in raw.message,
    'maybe-handle',
  ],
  'signal-successor': (raw) => isRelay(raw) && isSignal(raw.signal),
}

const fromSupervisor: Table<FromSupervisor['type']> = {
  reload: ({ before }) => isNatural(before),
  shutdown: anything,
  'cut-short': anything,
  'status-wanted': anything,
  listener: ({ entry }) => isListenerEntry(entry),
  unlisten: ({ held }) => isList(held, isString),
  'predecessor-ended': anything,
  takes: anything,
  share: (raw) => isOfShare(raw) && isNatural(raw.connections),
  'from-peer': isPassed,
  'sent-to-peer': isSent,
  'peer-has': hasTaken,
  'successor-started': (raw) => isRelay(raw) && isNatural(raw.pid),
  'successor-refused': (raw) => isRelay(raw) && isErrorData(raw.error),
  'from-successor': isRelay,
  'successor-ended': (raw) =>
    isRelay(raw) && isExitCode(raw.code) && (raw.signal === null || isString(raw.signal)),
}

/**
 * A message from a worker to the supervisor, with the handle that it needs and no other; `undefined`: the message is
 * for the worker's predecessor, or malformed.
 */
export const readFromWorker = (raw: unknown, handle?: unknown) =>
  read<FromWorker>(raw, fromWorker, (needed) =>
    handle === undefined ? needed !== 'handle' : needed !== undefined && isNativeHandle(handle),
  )
/** A message of the supervisor; `undefined` when it is something else. */
export const readFromSupervisor = (raw: unknown) => read<FromSupervisor>(raw, fromSupervisor)

/** Errors: `ERR_HANDOVER_WIRE_VERSION`. */
function read<M extends Message>(
  raw: unknown,
  table: Table<M['type']>,
  hasHandle: (needed: Handle | undefined) => boolean = () => true,
): M | undefined {
  if (!isRecord(raw) || !('handover' in raw)) return undefined
  if (raw.handover !== wireVersion) throw anotherVersion(raw.handover)
  if (typeof raw.type !== 'string' || !Object.hasOwn(table, raw.type)) return undefined
  const row = table[raw.type as M['type']]
  const [check, needed] = typeof row === 'function' ? [row] : row
  return check(raw) && hasHandle(needed) ? (raw as unknown as M) : undefined
}

/** `message` as it goes over the channel. */
export function supervisorEnvelope<M extends Message>(message: M): object {
  return { handover: wireVersion, ...message }
}
