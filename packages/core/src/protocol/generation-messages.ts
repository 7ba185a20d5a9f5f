/** The messages between a predecessor and its successor (docs/reference/protocol.md). */
import type { ErrorData } from '../base/error-data.js'
import { isList, isNatural, isRecord, isString } from '../base/guards.js'
import type { FinalReport, ReloadReport } from '../base/report.js'
import type { GenerationStatus, RequestId } from './control-messages.js'
import type { TlsSessions } from './inheritance.js'
import { isCount } from './message-shapes.js'
import { anything, type Check, type MessageTable, readMessage } from './message-table.js'

/** Messages from the successor to its predecessor. */
export type FromSuccessor =
  /** The first message: the successor listens on the channel now. Answered with `greeting`. */
  | { readonly type: 'hello' }
  | { readonly type: 'ready' }
  /** With a handle: a duplicate of the listener with this inherited descriptor. Comes before `took-over`. */
  | { readonly type: 'duplicate'; readonly listener: number }
  /** The successor shuts down or hands over itself: the predecessor must not serve again when it ends. */
  | { readonly type: 'stand-down' }
  /** The answer to `take-over`: the successor still serves. Nothing has changed yet. */
  | { readonly type: 'can-take-over' }
  /** The answer to `own`: the successor owns the service and the PID file, and serves these listeners (by descriptor). */
  | {
      readonly type: 'took-over'
      readonly listeners: readonly number[]
      /** The listeners with a plain HTTP/1.1 server: open connections can move only to these. */
      readonly http1: readonly number[]
      readonly protocols: readonly string[]
    }
  | ({ readonly type: 'received' } & Receipt)
  /** The successor exits soon and can take no more connections. */
  | { readonly type: 'no-more' }
  /** The answer to `finished`: the successor has read all messages. */
  | { readonly type: 'heard' }
  | { readonly type: 'failed'; readonly error: ErrorData }
  | { readonly type: 'state-wanted' }
  /** On probation: how many open connections are lost if the successor dies. */
  | { readonly type: 'open'; readonly connections: number }
  /** Too many generations drain: end this drain, or pass the request on to an earlier generation. */
  | { readonly type: 'end-drain'; readonly generation: number }

/** Messages from the predecessor to its successor. */
export type FromPredecessor =
  /** The probation is over: can the successor take over? */
  | { readonly type: 'take-over' }
  /** Gives the service to the successor. Until the successor answers, the predecessor owns it. */
  | { readonly type: 'own' }
  /** The answer to `took-over`: the predecessor has stopped serving and drains. */
  | { readonly type: 'let-go' }
  /** The predecessor keeps the service: the successor owns nothing, whatever it reads later. */
  | { readonly type: 'taken-back' }
  | { readonly type: 'state'; readonly value: unknown }
  | { readonly type: 'state-failed'; readonly error: ErrorData }
  | ConnectionMessage
  /** All connections up to this number have been sent. Answered with `received`. */
  | { readonly type: 'sent'; readonly upTo: number }
  /** More data for a connection that was sent before, by its `id`. */
  | { readonly type: 'follow-up'; readonly id: number; readonly data: unknown }
  /** The answer to `hello`: the keys to resume TLS sessions, by the descriptor of the listener. */
  | { readonly type: 'greeting'; readonly tlsSessions: readonly (readonly [number, TlsSessions])[] }
  /** The answer to `no-more`: no connection follows. */
  | { readonly type: 'no-more' }
  /** The last message, answered with `heard`. */
  | { readonly type: 'finished'; readonly report: FinalReport }
  /** Sent while the predecessor drains: its status, that of earlier generations, and the reload that led to the drain. */
  | {
      readonly type: 'status'
      readonly generations: readonly GenerationStatus[]
      readonly reload: ReloadReport
    }
  /** A signal requested another reload from the predecessor, but the successor now owns the service. */
  | { readonly type: 'reload-again'; readonly signal: string }
  /** With a handle: a client of the control socket, its `watch` requests, and the beginning of its next line. */
  | {
      readonly type: 'control-client'
      readonly watching: readonly RequestId[]
      readonly pending: string
    }

/**
 * A receipt for connections that were sent. A message never arrives if the receiver is too short of descriptors for its
 * handle: Node drops it and reports that to neither side (test/handover/descriptors-short.test.ts).
 */
export interface Receipt {
  /** The received connections, by the `number` of their messages. */
  readonly numbers: readonly number[]
  /** The receiver did not get the others up to this number, and never will: the sender keeps serving them. */
  readonly upTo: number
  /** The receiver is short of file descriptors: the sender must pause. */
  readonly full?: true
}

/** With a handle: an open connection of the listener that the successor inherited as descriptor `listener`. */
export interface ConnectionMessage {
  readonly type: 'connection'
  readonly listener: number
  /** Identifies the connection: stays the same if it is sent again. */
  readonly id: number
  /** Identifies this message: each one has a higher number than the one before. */
  readonly number: number
  /** Inode of the socket: proves that the handle belongs to this message. */
  readonly inode: number
  /** HTTP/1.1 between two requests, not before the first one: the keep-alive timeout is running. */
  readonly betweenRequests: boolean
  /** Absent for HTTP/1.1 at a message boundary. */
  readonly protocol?: string
  /** In the format of `v8.serialize`: a state that cannot be cloned fails before the connection is sent. */
  readonly state?: Uint8Array
}

const areFds = (value: unknown) => isList(value, isNatural)
const hasListener: Check = ({ listener }) => isNatural(listener)
const hasError: Check = ({ error }) => isRecord(error) && isString(error.message)
export const isReceipt: Check = ({ numbers, upTo, full }) =>
  isList(numbers, isNatural) && isNatural(upTo) && (full === undefined || full === true)
const isTlsSessions = (value: unknown) =>
  Array.isArray(value) &&
  isNatural(value[0]) &&
  isRecord(value[1]) &&
  value[1].ticketKeys instanceof Uint8Array &&
  isString(value[1].idContext)

const fromSuccessor: MessageTable<FromSuccessor> = {
  hello: anything,
  ready: anything,
  duplicate: hasListener,
  'stand-down': anything,
  'can-take-over': anything,
  'took-over': ({ listeners, http1, protocols }) =>
    areFds(listeners) && areFds(http1) && isList(protocols, isString),
  received: isReceipt,
  'no-more': anything,
  heard: anything,
  failed: hasError,
  'state-wanted': anything,
  open: ({ connections }) => isCount(connections),
  'end-drain': ({ generation }) => isNatural(generation),
}

const fromPredecessor: MessageTable<FromPredecessor> = {
  'take-over': anything,
  own: anything,
  'let-go': anything,
  'taken-back': anything,
  state: anything,
  'state-failed': hasError,
  connection: ({ listener, id, number, inode, state }) =>
    [listener, id, number, inode].every(isNatural) && (state === undefined || state instanceof Uint8Array),
  sent: ({ upTo }) => isNatural(upTo),
  'follow-up': ({ id }) => isNatural(id),
  greeting: ({ tlsSessions }) => isList(tlsSessions, isTlsSessions),
  'no-more': anything,
  finished: anything,
  status: ({ generations, reload }) => isList(generations, isRecord) && isRecord(reload),
  'reload-again': ({ signal }) => isString(signal),
  'control-client': ({ watching, pending }) => Array.isArray(watching) && isString(pending),
}

/** A message of the successor; `undefined` for anything else that a program sent on its channel. */
export const readFromSuccessor = (raw: unknown) => readMessage<FromSuccessor>(raw, fromSuccessor)
/** A message of the predecessor; `undefined` for anything else. */
export const readFromPredecessor = (raw: unknown) => readMessage<FromPredecessor>(raw, fromPredecessor)
