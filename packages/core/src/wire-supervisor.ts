/** What a worker and its supervisor say to each other. Between two workers it relays what wire.ts describes. */
import type { ControlEvent, GenerationStatus } from './control/protocol.js'
import type { ErrorData } from './errors.js'
import type { DrainReason, StateName } from './lifecycle.js'
import type { FinalReport, ReloadReport } from './report.js'
import {
  anotherVersion,
  type ConnectionMessage,
  type Inheritance,
  isList,
  isListenerEntry,
  isNatural,
  isReceipt,
  isRecord,
  isString,
  type ListenerEntry,
  type Receipt,
  wireVersion,
} from './wire.js'

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

/** Shares are told apart by a number that the supervisor gives them: an answer may come after its share has ended. */
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
  /** All up to this number have been given: answered with `peer-has`. */
  | ({ readonly type: 'sent-to-peer'; readonly upTo: number } & OfShare)
  /** It gives no more of them. */
  | { readonly type: 'shared' }
  /** The answer to `takes`. */
  | { readonly type: 'takes' }
  /** The answer to `from-peer` and `sent-to-peer`: what it has. */
  | ({ readonly type: 'peer-has' } & OfShare & Receipt)
  /** It has drained, and ends when its hooks have run. */
  | { readonly type: 'drained'; readonly report: FinalReport }
  | ({ readonly type: 'start-successor'; readonly wanted: Wanted } & Relay)
  /** With a handle, where the message has one. */
  | ({ readonly type: 'to-successor'; readonly message: unknown } & Relay)
  | ({ readonly type: 'signal-successor'; readonly signal: NodeJS.Signals } & Relay)

/** Messages from the supervisor to a worker. */
export type FromSupervisor =
  | { readonly type: 'reload' }
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
  /** Another worker has given all up to this number. */
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

const anything: Check = () => true
const isRelay: Check = ({ successor }) => isNatural(successor)
const isError = (error: unknown) => isRecord(error) && isString(error.message)
const isOfShare: Check = ({ share }) => isNatural(share)
const isPassed: Check = (raw) =>
  isOfShare(raw) &&
  isString(raw.held) &&
  typeof raw.betweenRequests === 'boolean' &&
  isNatural(raw.number) &&
  isNatural(raw.inode)
const isSent: Check = (raw) => isOfShare(raw) && isNatural(raw.upTo)
const hasTaken: Check = (raw) => isOfShare(raw) && isReceipt(raw)
const isMs = (value: unknown) => value === 0 || isNatural(value)

const fromWorker: Readonly<Record<FromWorker['type'], Check>> = {
  registered: ({ readyTimeoutMs, reloadMs, drainMs, hooksMs }) =>
    isMs(reloadMs) && isMs(readyTimeoutMs) && isMs(drainMs) && isMs(hooksMs),
  now: ({ state, drainMs, hooksMs }) => isString(state) && isMs(drainMs) && isMs(hooksMs),
  stranger: anything,
  listener: ({ entry }) => isListenerEntry(entry) && entry.held !== undefined,
  serves: ({ held }) => isList(held, isString),
  closed: ({ held }) => isString(held),
  'reload-wanted': anything,
  reloaded: ({ report }) => isRecord(report),
  'reload-failed': ({ error }) => isError(error),
  status: ({ status }) => isRecord(status),
  progress: ({ event }) => isRecord(event),
  shareable: ({ connections }) => connections === 0 || isNatural(connections),
  'to-peer': isPassed,
  'sent-to-peer': isSent,
  shared: anything,
  takes: anything,
  'peer-has': hasTaken,
  drained: ({ report }) => isRecord(report),
  'start-successor': (raw) => isRelay(raw) && isWanted(raw.wanted),
  'to-successor': isRelay,
  'signal-successor': (raw) => isRelay(raw) && isString(raw.signal),
}

const fromSupervisor: Readonly<Record<FromSupervisor['type'], Check>> = {
  reload: anything,
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
  'successor-refused': (raw) => isRelay(raw) && isError(raw.error),
  'from-successor': isRelay,
  'successor-ended': isRelay,
}

function isWanted(raw: unknown): boolean {
  return (
    isRecord(raw) &&
    isNatural(raw.generation) &&
    isList(raw.signals, isString) &&
    (raw.unavailable === undefined || isList(raw.unavailable, isString)) &&
    isList(raw.listeners, isListenerEntry)
  )
}

/** A message of a worker for the supervisor; `undefined`: it is for the worker's predecessor. */
export const readFromWorker = (raw: unknown) => read<FromWorker>(raw, fromWorker)
/** A message of the supervisor; `undefined` when it is something else. */
export const readFromSupervisor = (raw: unknown) => read<FromSupervisor>(raw, fromSupervisor)

/** Errors: `ERR_HANDOVER_WIRE_VERSION`. */
function read<M extends Message>(raw: unknown, checks: Readonly<Record<string, Check>>): M | undefined {
  if (!isRecord(raw) || !('handover' in raw)) return undefined
  if (raw.handover !== wireVersion) throw anotherVersion(raw.handover)
  const known = typeof raw.type === 'string' && Object.hasOwn(checks, raw.type)
  return known && checks[raw.type as string]?.(raw) ? (raw as M) : undefined
}

/** `message` as it goes over the channel. */
export function supervisorEnvelope<M extends Message>(message: M): object {
  return { handover: wireVersion, ...message }
}
