/**
 * The messages between a worker and its supervisor. The supervisor also relays the messages of generation-messages.ts between
 * a worker and its successor.
 */
import { constants } from 'node:os'
import type { ErrorData } from '../base/error-data.js'
import { isList, isNativeHandle, isNatural, isRecord, isString } from '../base/guards.js'
import type { FinalReport, ReloadReport } from '../base/report.js'
import type { DrainReason, StateName } from '../base/state-names.js'
import type { ControlEvent, GenerationStatus } from './control-messages.js'
import { type ConnectionMessage, isReceipt, type Receipt } from './generation-messages.js'
import { type Inheritance, isListenerEntry, type ListenerEntry } from './inheritance.js'
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
import { anything, type Check, type MessageTable, readMessage } from './message-table.js'

/** The worker numbers its successors. */
type Relay = { readonly successor: number }

/** How long a shutdown of the worker may take: for the drain, and then for its hooks. */
type Ending = { readonly drainMs: number; readonly hooksMs: number }

/** How the supervisor must start a successor. The `fd` of its listeners has no meaning. */
export interface Wanted extends Pick<Inheritance, 'unavailable'> {
  readonly generation: number
  readonly signals: readonly string[]
  readonly listeners: readonly ListenerEntry[]
}

/** The supervisor numbers shares, because an answer may arrive after its share has ended. */
type OfShare = { readonly share: number }

/** With a handle: an open HTTP/1.1 connection at a message boundary, accepted on the listener with that name. */
export interface PassedConnection extends OfShare, Pick<ConnectionMessage, 'number' | 'inode'> {
  readonly held: string
  /** Not before the first request: the keep-alive timeout is running. */
  readonly betweenRequests: boolean
}

/** Messages from a worker to the supervisor. Its other messages are for its predecessor. */
export type FromWorker =
  /** The first message: the worker participates. How long it may take to be ready, and for a reload, even a failed one. */
  | ({ readonly type: 'registered'; readonly readyTimeoutMs: number; readonly reloadMs: number } & Ending)
  /** The worker listens but does not participate: core is not loaded, or `graceful` was not called. */
  | { readonly type: 'not-participating' }
  /** Its new state. */
  | ({
      readonly type: 'state'
      readonly state: StateName
      readonly because?: DrainReason
      readonly onProbation?: true
    } & Ending)
  /** With a handle: a listener that the worker has bound. */
  | { readonly type: 'listener'; readonly entry: ListenerEntry }
  /** The names of the listeners that the worker serves. */
  | { readonly type: 'serves'; readonly held: readonly string[] }
  /** The program has closed this listener. */
  | { readonly type: 'closed'; readonly held: string }
  /** A signal to the worker requested a reload. */
  | { readonly type: 'reload-wanted' }
  /** Its reload has ended. */
  | { readonly type: 'reloaded'; readonly report: ReloadReport }
  | { readonly type: 'reload-failed'; readonly error: ErrorData; readonly report?: ReloadReport }
  /** The answer to `status-wanted`. */
  | { readonly type: 'status'; readonly status: GenerationStatus }
  /** Progress of the reload or the shutdown that the supervisor ordered. */
  | { readonly type: 'progress'; readonly event: ControlEvent }
  /** How many connections the worker could hand to another one; sent on each change. */
  | { readonly type: 'shareable'; readonly connections: number }
  /** One connection of a `share`. */
  | ({ readonly type: 'to-peer' } & PassedConnection)
  /** This worker has sent all connections up to this number. The answer is `peer-accepted`. */
  | ({ readonly type: 'sent-to-peer'; readonly upTo: number } & OfShare)
  /** The share is complete. */
  | { readonly type: 'shared' }
  /** The answer to `can-accept`. */
  | { readonly type: 'can-accept' }
  /** The answer to `from-peer` and `sent-to-peer`: the connections that this worker received. */
  | ({ readonly type: 'peer-accepted' } & OfShare & Receipt)
  /** The worker has drained, and exits when its hooks have run. */
  | { readonly type: 'drained'; readonly report: FinalReport }
  | ({ readonly type: 'start-successor'; readonly wanted: Wanted } & Relay)
  /** With the handle of `message`, if it has one. */
  | ({ readonly type: 'to-successor'; readonly message: unknown } & Relay)
  | ({ readonly type: 'signal-successor'; readonly signal: NodeJS.Signals } & Relay)

/** Messages from the supervisor to a worker. */
export type FromSupervisor =
  /** Void after `before` (milliseconds of CLOCK_MONOTONIC): the supervisor has reported the reload as failed by then. */
  | { readonly type: 'reload'; readonly before: number }
  | { readonly type: 'shutdown' }
  | { readonly type: 'cut-short' }
  | { readonly type: 'status-wanted' }
  /** With a handle: a listener that another worker has bound since this one was started. */
  | { readonly type: 'listener'; readonly entry: ListenerEntry }
  /** Close these listeners: no worker serves them. */
  | { readonly type: 'close-listeners'; readonly held: readonly string[] }
  | { readonly type: 'predecessor-ended' }
  /** Another worker has more connections. A worker that can take some answers `can-accept`. */
  | { readonly type: 'can-accept' }
  /** Hand this many connections to the worker with the fewest. */
  | ({ readonly type: 'share'; readonly connections: number } & OfShare)
  /** A connection from another worker. */
  | ({ readonly type: 'from-peer' } & PassedConnection)
  /** Another worker has sent all connections up to this number. */
  | ({ readonly type: 'sent-to-peer'; readonly upTo: number } & OfShare)
  /** The answer to `to-peer` and `sent-to-peer`. */
  | ({ readonly type: 'peer-accepted' } & OfShare & Receipt)
  | ({ readonly type: 'successor-started'; readonly pid: number } & Relay)
  /** The successor could not be started. */
  | ({ readonly type: 'successor-refused'; readonly error: ErrorData } & Relay)
  /** A message of the successor. */
  | ({ readonly type: 'from-successor'; readonly message: unknown } & Relay)
  | ({
      readonly type: 'successor-ended'
      readonly code: number | null
      readonly signal: string | null
    } & Relay)

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
const fromWorker: MessageTable<FromWorker> = {
  registered: ({ readyTimeoutMs, reloadMs, drainMs, hooksMs }) =>
    isCount(reloadMs) && isCount(readyTimeoutMs) && isCount(drainMs) && isCount(hooksMs),
  state: ({ state, because, onProbation, drainMs, hooksMs }) =>
    isState(state) &&
    (because === undefined || isReason(because)) &&
    (onProbation === undefined || onProbation === true) &&
    isCount(drainMs) &&
    isCount(hooksMs),
  'not-participating': anything,
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
  'can-accept': anything,
  'peer-accepted': hasTaken,
  drained: ({ report }) => isFinalReport(report),
  'start-successor': (raw) => isRelay(raw) && isWanted(raw.wanted) && isData(raw.wanted),
  'to-successor': [
    (raw) => isRelay(raw) && isRecord(raw.message) && 'handover' in raw.message,
    'maybe-handle',
  ],
  'signal-successor': (raw) => isRelay(raw) && isSignal(raw.signal),
}

const fromSupervisor: MessageTable<FromSupervisor> = {
  reload: ({ before }) => isNatural(before),
  shutdown: anything,
  'cut-short': anything,
  'status-wanted': anything,
  listener: ({ entry }) => isListenerEntry(entry),
  'close-listeners': ({ held }) => isList(held, isString),
  'predecessor-ended': anything,
  'can-accept': anything,
  share: (raw) => isOfShare(raw) && isNatural(raw.connections),
  'from-peer': isPassed,
  'sent-to-peer': isSent,
  'peer-accepted': hasTaken,
  'successor-started': (raw) => isRelay(raw) && isNatural(raw.pid),
  'successor-refused': (raw) => isRelay(raw) && isErrorData(raw.error),
  'from-successor': isRelay,
  'successor-ended': (raw) =>
    isRelay(raw) && isExitCode(raw.code) && (raw.signal === null || isString(raw.signal)),
}

/**
 * A message from a worker to the supervisor, with the handle that it needs and no other. `undefined` if the message is for
 * the worker's predecessor, or malformed.
 */
export const readFromWorker = (raw: unknown, handle?: unknown) =>
  readMessage<FromWorker>(raw, fromWorker, (rule) =>
    handle === undefined ? rule !== 'handle' : rule !== undefined && isNativeHandle(handle),
  )
/** A message of the supervisor; `undefined` for anything else. */
export const readFromSupervisor = (raw: unknown) => readMessage<FromSupervisor>(raw, fromSupervisor)
