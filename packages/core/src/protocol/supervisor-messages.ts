/**
 * The messages between a worker and its supervisor, which also relays the messages of generation-messages.ts between a
 * worker and its successor.
 */
import { constants } from 'node:os'
import type { ErrorData } from '../base/error-data.js'
import { isNativeHandle, isNatural, isRecord, isString } from '../base/guards.js'
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
  oneOf,
  optional,
  shape,
} from './message-shapes.js'
import { anything, type Check, type MessageTable, readMessage } from './message-table.js'

/** The worker numbers its successors. */
type Relay = { readonly successor: number }

/** How long the drain of a shutdown may take, and then its hooks. */
type Ending = { readonly drainMs: number; readonly hooksMs: number }

/** How the supervisor must start a successor. The `fd` of its listeners has no meaning. */
type SuccessorRequest = Pick<Inheritance, 'generation' | 'signals' | 'unavailable' | 'listeners'>

/** The supervisor numbers the shares: an answer may arrive after its share has ended. */
type OfShare = { readonly share: number }

/** With a handle: an open HTTP/1.1 connection at a message boundary, accepted on the listener named `held`. */
export interface PassedConnection extends OfShare, Pick<ConnectionMessage, 'number' | 'inode'> {
  readonly held: string
  /** The keep-alive timeout is running. False before the first request. */
  readonly betweenRequests: boolean
}

/** Messages from a worker to the supervisor. Other messages of the worker are for its predecessor. */
export type FromWorker =
  /** The first message: the worker participates. It states the limits for its startup and for a reload, even a failed one. */
  | ({ readonly type: 'registered'; readonly readyTimeoutMs: number; readonly reloadMs: number } & Ending)
  /** The worker listens but does not participate: it has not loaded core, or not called `graceful`. */
  | { readonly type: 'not-participating' }
  /** The new state of the worker. */
  | ({
      readonly type: 'state'
      readonly state: StateName
      readonly because?: DrainReason
      readonly onProbation?: true
    } & Ending)
  /** With a handle: a listener that the worker has bound. */
  | { readonly type: 'listener'; readonly entry: ListenerEntry }
  /** The names of all listeners that the worker serves. */
  | { readonly type: 'serves'; readonly held: readonly string[] }
  /** The program has closed this listener. */
  | { readonly type: 'closed'; readonly held: string }
  /** The worker got a reload signal. */
  | { readonly type: 'reload-wanted' }
  /** The reload of the worker has succeeded. */
  | { readonly type: 'reloaded'; readonly report: ReloadReport }
  | { readonly type: 'reload-failed'; readonly error: ErrorData; readonly report?: ReloadReport }
  /** The answer to `status-wanted`. */
  | { readonly type: 'status'; readonly status: GenerationStatus }
  /** Progress of a reload or shutdown that the supervisor ordered. */
  | { readonly type: 'progress'; readonly event: ControlEvent }
  /** How many connections the worker could hand to another worker. Sent after each change. */
  | { readonly type: 'shareable'; readonly connections: number }
  /** One connection of a `share`. */
  | ({ readonly type: 'to-peer' } & PassedConnection)
  /** The worker has sent all connections up to this number. The answer is `peer-accepted`. */
  | ({ readonly type: 'sent-to-peer'; readonly upTo: number } & OfShare)
  /** The share is complete. */
  | { readonly type: 'shared' }
  /** The answer to `can-accept`. */
  | { readonly type: 'can-accept' }
  /** The answer to `from-peer` and `sent-to-peer`: the connections that the worker received. */
  | ({ readonly type: 'peer-accepted' } & OfShare & Receipt)
  /** The worker has drained, and exits after its hooks. */
  | { readonly type: 'drained'; readonly report: FinalReport }
  | ({ readonly type: 'start-successor'; readonly wanted: SuccessorRequest } & Relay)
  /** With the handle of `message`, if it has one. */
  | ({ readonly type: 'to-successor'; readonly message: unknown } & Relay)
  | ({ readonly type: 'signal-successor'; readonly signal: NodeJS.Signals } & Relay)

/** Messages from the supervisor to a worker. */
export type FromSupervisor =
  /** Invalid after `before` (milliseconds of CLOCK_MONOTONIC): by then the supervisor has reported the reload as failed. */
  | { readonly type: 'reload'; readonly before: number }
  | { readonly type: 'shutdown' }
  | { readonly type: 'cut-short' }
  | { readonly type: 'status-wanted' }
  /** With a handle: a listener that another worker has bound since this one started. */
  | { readonly type: 'listener'; readonly entry: ListenerEntry }
  /** The worker must close these listeners: no worker serves them. */
  | { readonly type: 'close-listeners'; readonly held: readonly string[] }
  | { readonly type: 'predecessor-ended' }
  /** The supervisor runs several workers, or removes some: the worker must report how many connections it could hand over. */
  | { readonly type: 'rebalance' }
  /** Another worker has more connections. A worker that can accept some answers `can-accept`. */
  | { readonly type: 'can-accept' }
  /** The worker must hand at most this many connections to the least busy worker. */
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

const relay = { successor: isNatural }
const share = { share: isNatural }
const ending = { drainMs: isCount, hooksMs: isCount }
const number = { number: isNatural, inode: isNatural }
const isPassed = shape({ ...share, ...number, held: isString, betweenRequests: isFlag })
const isSent = shape({ ...share, upTo: isNatural })
const isReceiptOfShare: Check = (raw) => isNatural(raw.share) && isReceipt(raw)
const isSignal = (value: unknown) => typeof value === 'string' && Object.hasOwn(constants.signals, value)

const isSuccessorRequest = shape({
  generation: isNatural,
  signals: listOf(isSignal),
  unavailable: optional(listOf(isString)),
  listeners: listOf(isListenerEntry),
})

const fromWorker: MessageTable<FromWorker> = {
  registered: shape({ readyTimeoutMs: isCount, reloadMs: isCount, ...ending }),
  state: shape({
    state: isState,
    because: optional(isReason),
    onProbation: optional(oneOf(true)),
    ...ending,
  }),
  'not-participating': anything,
  listener: [({ entry }) => isListenerEntry(entry) && entry.held !== undefined && isData(entry), 'handle'],
  serves: shape({ held: listOf(isString) }),
  closed: shape({ held: isString }),
  'reload-wanted': anything,
  reloaded: shape({ report: isReloadReport }),
  'reload-failed': shape({ error: isErrorData, report: optional(isReloadReport) }),
  status: shape({ status: isGenerationStatus }),
  progress: shape({ event: isProgress }),
  shareable: shape({ connections: isCount }),
  'to-peer': [isPassed, 'maybe-handle'],
  'sent-to-peer': isSent,
  shared: anything,
  'can-accept': anything,
  'peer-accepted': isReceiptOfShare,
  drained: shape({ report: isFinalReport }),
  'start-successor': shape({ ...relay, wanted: (value) => isSuccessorRequest(value) && isData(value) }),
  'to-successor': [
    shape({ ...relay, message: (value) => isRecord(value) && 'handover' in value }),
    'maybe-handle',
  ],
  'signal-successor': shape({ ...relay, signal: isSignal }),
}

const fromSupervisor: MessageTable<FromSupervisor> = {
  reload: shape({ before: isNatural }),
  shutdown: anything,
  'cut-short': anything,
  'status-wanted': anything,
  listener: shape({ entry: isListenerEntry }),
  'close-listeners': shape({ held: listOf(isString) }),
  'predecessor-ended': anything,
  rebalance: anything,
  'can-accept': anything,
  share: shape({ ...share, connections: isNatural }),
  'from-peer': isPassed,
  'sent-to-peer': isSent,
  'peer-accepted': isReceiptOfShare,
  'successor-started': shape({ ...relay, pid: isNatural }),
  'successor-refused': shape({ ...relay, error: isErrorData }),
  'from-successor': shape(relay),
  'successor-ended': shape({
    ...relay,
    code: (value) => value === null || Number.isSafeInteger(value),
    signal: (value) => value === null || isString(value),
  }),
}

/**
 * Returns `undefined` for a message to the worker's predecessor, for a malformed one, and for a missing or unexpected
 * handle.
 */
export const readFromWorker = (raw: unknown, handle?: unknown) =>
  readMessage<FromWorker>(raw, fromWorker, (rule) =>
    handle === undefined ? rule !== 'handle' : rule !== undefined && isNativeHandle(handle),
  )
export const readFromSupervisor = (raw: unknown) => readMessage<FromSupervisor>(raw, fromSupervisor)
