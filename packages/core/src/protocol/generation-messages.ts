/** The messages between a predecessor and its successor (docs/reference/protocol.md). */
import type { ErrorData } from '../base/error-data.js'
import { isNatural, isRecord, isString } from '../base/guards.js'
import type { FinalReport, ReloadReport } from '../base/report.js'
import type { GenerationStatus, RequestId } from './control-messages.js'
import type { TlsSessions } from './inheritance.js'
import { isCount, listOf, oneOf, optional, shape } from './message-shapes.js'
import { anything, type MessageTable, readMessage } from './message-table.js'

/** Data of a protocol, in the format of `v8.serialize`: data that cannot be cloned fails before the send. */
export interface PeerMessage {
  readonly type: 'peer-data'
  readonly protocol: string
  readonly data: Uint8Array
}

/** Messages from the successor to its predecessor. */
export type FromSuccessor =
  /** The first message: the successor now listens on the channel. The answer is `greeting`. */
  | { readonly type: 'hello' }
  | { readonly type: 'ready' }
  /** With a handle: a duplicate of the listener with this inherited descriptor. Sent before `took-over`. */
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
  /** The successor exits soon and cannot accept more connections. */
  | { readonly type: 'no-more' }
  /** The answer to `finished`: the successor has read all messages. */
  | { readonly type: 'heard' }
  | { readonly type: 'failed'; readonly error: ErrorData }
  | { readonly type: 'state-wanted' }
  /** On probation: how many open connections the death of the successor would cut. */
  | { readonly type: 'open'; readonly connections: number }
  /** Too many generations drain. The predecessor ends its drain, or forwards the request to the earlier `generation`. */
  | { readonly type: 'end-drain'; readonly generation: number }
  | PeerMessage

/** Messages from the predecessor to its successor. */
export type FromPredecessor =
  /** The successor has passed its probation: can it take over? */
  | { readonly type: 'take-over' }
  /** Gives the service to the successor. Until the successor answers, the predecessor owns it. */
  | { readonly type: 'own' }
  /** The answer to `took-over`: the predecessor has stopped serving and drains. */
  | { readonly type: 'let-go' }
  /** The predecessor keeps the service: the successor must ignore a later `own`. */
  | { readonly type: 'taken-back' }
  | { readonly type: 'state'; readonly value: unknown }
  | { readonly type: 'state-failed'; readonly error: ErrorData }
  | ConnectionMessage
  /** The predecessor has sent all connections up to this number. The answer is `received`. */
  | { readonly type: 'sent'; readonly upTo: number }
  /** More data for a connection that was sent before, with the same `id`. */
  | { readonly type: 'follow-up'; readonly id: number; readonly data: unknown }
  | PeerMessage
  /** The answer to `hello`: the keys to resume TLS sessions, by the descriptor of the listener. */
  | { readonly type: 'greeting'; readonly tlsSessions: readonly (readonly [number, TlsSessions])[] }
  /** The answer to `no-more`: the predecessor sends no more connections. */
  | { readonly type: 'no-more' }
  /** The last message. The answer is `heard`. */
  | { readonly type: 'finished'; readonly report: FinalReport }
  /** Sent during the drain: the status of the predecessor and of earlier generations, and the reload before the drain. */
  | {
      readonly type: 'status'
      readonly generations: readonly GenerationStatus[]
      readonly reload: ReloadReport
    }
  /** The predecessor got a signal for another reload, but the successor now owns the service. */
  | { readonly type: 'reload-again'; readonly signal: string }
  /** With a handle: a client of the control socket, its `watch` requests, and the start of its next line. */
  | {
      readonly type: 'control-client'
      readonly watching: readonly RequestId[]
      readonly pending: string
    }

/**
 * A receipt for sent connections. If the receiver has no free descriptor for a handle, Node drops the message and informs
 * neither side (test/handover/descriptors-short.test.ts).
 */
export interface Receipt {
  /** The received connections, by the `number` of their messages. */
  readonly numbers: readonly number[]
  /** The other connections up to this number did not arrive, and never will: the sender keeps serving them. */
  readonly upTo: number
  /** The receiver is short of file descriptors: the sender must pause. */
  readonly full?: true
}

/** With a handle: an open connection of the listener that the successor inherited as descriptor `listener`. */
export interface ConnectionMessage {
  readonly type: 'connection'
  readonly listener: number
  /** Identifies the connection, even if it is sent again. */
  readonly id: number
  /** Identifies this message. Each message has a higher number than the one before. */
  readonly number: number
  /** The inode of the socket, which proves that the handle belongs to this message. */
  readonly inode: number
  /** HTTP/1.1 between two requests: the keep-alive timeout is running. False before the first request. */
  readonly betweenRequests: boolean
  /** Absent for HTTP/1.1 at a message boundary. */
  readonly protocol?: string
  /** In the format of `v8.serialize`: a state that cannot be cloned fails before the send. */
  readonly state?: Uint8Array
}

const hasError = shape({ error: shape({ message: isString }) })
export const isReceipt = shape({ numbers: listOf(isNatural), upTo: isNatural, full: optional(oneOf(true)) })
const areTlsKeys = shape({ ticketKeys: (value) => value instanceof Uint8Array, idContext: isString })
const isPeerData = shape({ protocol: isString, data: (value) => value instanceof Uint8Array })
const isTlsSessions = (value: unknown) => Array.isArray(value) && isNatural(value[0]) && areTlsKeys(value[1])

const fromSuccessor: MessageTable<FromSuccessor> = {
  hello: anything,
  ready: anything,
  duplicate: shape({ listener: isNatural }),
  'stand-down': anything,
  'can-take-over': anything,
  'took-over': shape({ listeners: listOf(isNatural), http1: listOf(isNatural), protocols: listOf(isString) }),
  received: isReceipt,
  'no-more': anything,
  heard: anything,
  failed: hasError,
  'state-wanted': anything,
  open: shape({ connections: isCount }),
  'end-drain': shape({ generation: isNatural }),
  'peer-data': isPeerData,
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
  sent: shape({ upTo: isNatural }),
  'follow-up': shape({ id: isNatural }),
  'peer-data': isPeerData,
  greeting: shape({ tlsSessions: listOf(isTlsSessions) }),
  'no-more': anything,
  finished: anything,
  status: shape({ generations: listOf(isRecord), reload: isRecord }),
  'reload-again': shape({ signal: isString }),
  'control-client': shape({ watching: Array.isArray, pending: isString }),
}

/** `undefined` for anything else that a program sent on the channel. */
export const readFromSuccessor = (raw: unknown) => readMessage<FromSuccessor>(raw, fromSuccessor)
export const readFromPredecessor = (raw: unknown) => readMessage<FromPredecessor>(raw, fromPredecessor)
