import { type ErrorData, HandoverError } from '../base/errors.js'
import { isList, isNatural, isRecord, isString } from '../base/guards.js'
import type { FinalReport, ReloadReport } from '../base/report.js'
import type { GenerationStatus, RequestId } from './control-messages.js'

/** The version of everything below. A generation refuses any other version (docs/reference/protocol.md). */
export const wireVersion = 1

/** The one environment variable of a handover. Deleted before user code runs (handover-preload.cjs). */
export const inheritanceVariable = 'HANDOVER_INHERITANCE'

/** The bound address of a TCP listener. */
export interface TcpAddress {
  readonly address: string
  readonly port: number
}

/** A Unix socket's file: who owns a path is told by the file's identity, not by its name. */
export interface UnixFile {
  readonly path: string
  /** `device:inode` of the socket file that Handover put there; absent when the path is not ours to remove. */
  readonly identity?: string
}

/**
 * A client resumes its TLS session with whichever process has these (RFC 5077, RFC 8446 section 4.6.1). They are never
 * written to disk, to the environment or to a log.
 */
export interface TlsSessions {
  readonly ticketKeys: Uint8Array
  /** OpenSSL resumes a session only under the context in which it began. */
  readonly idContext: string
}

/** One inherited listener. */
export interface ListenerEntry {
  readonly fd: number
  /** What was asked for, as listeners/listen-address.ts writes it. Entries of one key are in the order of their `listen` calls. */
  readonly key: string
  readonly tcp?: TcpAddress
  readonly unix?: UnixFile
  /** The name that systemd gave it (sd_listen_fds(3)); such a socket is never unlinked. */
  readonly systemd?: string
  /** It is the control socket: nobody else gets it. */
  readonly control?: true
  /** The name by which the supervisor knows it, where there is one. */
  readonly held?: string
}

/** The supervisor that starts and keeps the processes of a service (`handover run`). */
export interface SupervisorEntry {
  readonly pid: number
  /** Its start time, in the format of `predecessorStart`. */
  readonly start?: string
  /** How many workers it keeps; absent: one. */
  readonly workers?: number
  /** Limits of its command line, which win over the options of the program. */
  readonly readyTimeoutMs?: number
  readonly drainTimeoutMs?: number
}

/**
 * What a process is given in the environment. It was started by the supervisor, where there is one, and else by
 * its predecessor; the variable is for nobody else's child.
 */
export interface Inheritance {
  readonly version: number
  /** The pid of the generation before; absent where the supervisor starts a process that replaces none. */
  readonly predecessor?: number
  /** The start time of that process, from the system: a later process may get the same pid. */
  readonly predecessorStart?: string
  readonly supervisor?: SupervisorEntry
  /** The number of the successor in the line; the first is 1. */
  readonly generation: number
  /** The descriptor of the channel, which the preload opens; absent if `process` has it. */
  readonly channel?: number
  /** The program of the first generation had an IPC channel (`process.send`) to a manager: see handover-preload.cjs. */
  readonly ipc?: true
  /** The file mode creation mask of the first generation, which the preload sets; absent where a supervisor starts the process. */
  readonly umask?: number
  /** Signals that ask for a reload: kept by the preload until core listens for them. */
  readonly signals: readonly string[]
  /** Keys of addresses on which the predecessor could not listen. The successor's program may run without them, too. */
  readonly unavailable?: readonly string[]
  readonly listeners: readonly ListenerEntry[]
}

/** Messages from the successor to its predecessor. */
export type FromSuccessor =
  /** The first message: it listens on the channel now. Answered with `greeting`. */
  | { readonly type: 'hello' }
  | { readonly type: 'ready' }
  /** With a handle: a duplicate of the listener that the successor inherited as this descriptor. Before `took-over`. */
  | { readonly type: 'duplicate'; readonly listener: number }
  /** The successor shuts down, or hands over itself: the predecessor must not serve again when it ends. */
  | { readonly type: 'stand-down' }
  /** The answer to `take-over`: the successor still serves. Nothing has changed yet. */
  | { readonly type: 'can-take-over' }
  /** The answer to `own`: it owns the service, the PID file names it, and it serves these listeners (by descriptor). */
  | {
      readonly type: 'took-over'
      readonly listeners: readonly number[]
      /** Those of them whose server speaks plain HTTP/1.1: open connections can move only to these. */
      readonly http1: readonly number[]
      readonly protocols: readonly string[]
    }
  | ({ readonly type: 'received' } & Receipt)
  /** It leaves, and can take no more connections. */
  | { readonly type: 'no-more' }
  /** The answer to `finished`: it has read everything that was sent. */
  | { readonly type: 'heard' }
  | { readonly type: 'failed'; readonly error: ErrorData }
  | { readonly type: 'state-wanted' }
  /** How many connections the successor has open, while on probation: what is lost if it dies. */
  | { readonly type: 'open'; readonly connections: number }
  /** Too many generations drain: end this drain, or pass the request on to an earlier generation. */
  | { readonly type: 'end-drain'; readonly generation: number }

/** Messages from the predecessor to its successor. */
export type FromPredecessor =
  /** The probation is over: can the successor take over? */
  | { readonly type: 'take-over' }
  /** Gives the service to the successor. Until the successor answers, this generation owns it. */
  | { readonly type: 'own' }
  /** The answer to `took-over`: this generation has stopped serving, and drains. */
  | { readonly type: 'let-go' }
  /** This generation keeps the service: the successor owns nothing, whatever it reads later. */
  | { readonly type: 'taken-back' }
  | { readonly type: 'state'; readonly value: unknown }
  | { readonly type: 'state-failed'; readonly error: ErrorData }
  | ConnectionMessage
  /** All connections up to this number have been sent. Answered with `received`. */
  | { readonly type: 'sent'; readonly upTo: number }
  /** For the connection of that number, from whoever gave it, after it has gone. */
  | { readonly type: 'late'; readonly id: number; readonly data: unknown }
  /** The answer to `hello`: what TLS sessions need to go on, by the descriptor of the listener. */
  | { readonly type: 'greeting'; readonly tlsSessions: readonly (readonly [number, TlsSessions])[] }
  /** The answer to `no-more`: every connection that was sent came before it. */
  | { readonly type: 'no-more' }
  /** The last message, answered with `heard`. */
  | { readonly type: 'finished'; readonly report: FinalReport }
  /** While it drains: what it is doing, and what it knows of those before it; and the reload that led to it. */
  | {
      readonly type: 'status'
      readonly generations: readonly GenerationStatus[]
      readonly reload: ReloadReport
    }
  /** A signal requested another reload from the predecessor, but the successor now owns the service. */
  | { readonly type: 'reload-again'; readonly signal: string }
  /** With a handle: a client of the control socket, the requests to watch that it made, and the line it has begun. */
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
  /** The receiver has these, by the `number` of their messages. */
  readonly numbers: readonly number[]
  /** It has none of the others up to this one, and will not get them: the sender serves them. */
  readonly upTo: number
  /** Send no more for now: the receiver is short of file descriptors. */
  readonly full?: true
}

/** With a handle: an open connection of the listener that the successor inherited as descriptor `listener`. */
export interface ConnectionMessage {
  readonly type: 'connection'
  readonly listener: number
  /** Of the connection: stays the same when it is sent again. */
  readonly id: number
  /** Of this message: each one has a higher number than the one before. */
  readonly number: number
  /** Of the socket: proves that the handle belongs to this message. */
  readonly inode: number
  /** HTTP/1.1 between two requests, and not before the first: it is its keep-alive limit that runs. */
  readonly betweenRequests: boolean
  /** Absent for HTTP/1.1 at a message boundary. */
  readonly protocol?: string
  /** As `v8.serialize` writes it: a state that cannot be cloned is found out before the connection has left. */
  readonly state?: Uint8Array
}

/** `message` as it goes over the channel. */
export function envelope<M extends FromSuccessor | FromPredecessor>(message: M): object {
  return { handover: wireVersion, ...message }
}

const typesFromSuccessor = new Set([
  'hello',
  'ready',
  'duplicate',
  'stand-down',
  'can-take-over',
  'took-over',
  'received',
  'no-more',
  'heard',
  'failed',
  'state-wanted',
  'open',
  'end-drain',
])
const typesFromPredecessor = new Set([
  'take-over',
  'own',
  'let-go',
  'taken-back',
  'state',
  'state-failed',
  'connection',
  'sent',
  'late',
  'greeting',
  'no-more',
  'finished',
  'status',
  'reload-again',
  'control-client',
])

/** A message of the successor; `undefined` when it is something else that a program sent on its channel. */
export const readFromSuccessor = (raw: unknown) => read<FromSuccessor>(raw, typesFromSuccessor)
/** A message of the predecessor; `undefined` when it is something else. */
export const readFromPredecessor = (raw: unknown) => read<FromPredecessor>(raw, typesFromPredecessor)

function read<M>(raw: unknown, types: ReadonlySet<string>): M | undefined {
  if (!isRecord(raw) || !('handover' in raw)) return undefined
  if (raw.handover !== wireVersion) throw anotherVersion(raw.handover)
  return typeof raw.type === 'string' && types.has(raw.type) && wellFormed(raw) ? (raw as M) : undefined
}

function wellFormed(raw: Record<string, unknown>): boolean {
  if (raw.type === 'failed' || raw.type === 'state-failed') {
    return isRecord(raw.error) && typeof raw.error.message === 'string'
  }
  if (raw.type === 'took-over')
    return areFds(raw.listeners) && areFds(raw.http1) && isList(raw.protocols, isString)
  if (raw.type === 'greeting') return isList(raw.tlsSessions, isTlsSessions)
  if (raw.type === 'received') return isReceipt(raw)
  if (raw.type === 'sent') return isNatural(raw.upTo)
  if (raw.type === 'end-drain') return isNatural(raw.generation)
  if (raw.type === 'connection') {
    const state = raw.state === undefined || raw.state instanceof Uint8Array
    return (
      isNatural(raw.listener) && isNatural(raw.id) && isNatural(raw.number) && isNatural(raw.inode) && state
    )
  }
  if (raw.type === 'late') return isNatural(raw.id)
  if (raw.type === 'reload-again') return isString(raw.signal)
  if (raw.type === 'duplicate') return isNatural(raw.listener)
  if (raw.type === 'status') return isList(raw.generations, isRecord) && isRecord(raw.reload)
  if (raw.type === 'control-client') return Array.isArray(raw.watching) && isString(raw.pending)
  return raw.type !== 'open' || raw.connections === 0 || isNatural(raw.connections)
}

/** Reads the variable. Throws `ERR_HANDOVER_INHERITANCE_MALFORMED` or `ERR_HANDOVER_WIRE_VERSION`. */
export function readInheritance(text: string): Inheritance {
  let raw: unknown
  try {
    raw = JSON.parse(text)
  } catch (cause) {
    throw malformed('it is not JSON', cause)
  }
  if (!isRecord(raw)) throw malformed('it is not an object')
  if (raw.version !== wireVersion) throw anotherVersion(raw.version)
  if (raw.supervisor !== undefined && !isSupervisorEntry(raw.supervisor)) {
    throw malformed('"supervisor" is not a pid with limits')
  }
  if (!isNatural(raw.predecessor) && (raw.predecessor !== undefined || raw.supervisor === undefined)) {
    throw malformed('"predecessor" is not a pid')
  }
  if (raw.predecessorStart !== undefined && !isString(raw.predecessorStart)) {
    throw malformed('"predecessorStart" is not a text')
  }
  if (raw.channel !== undefined && !isNatural(raw.channel)) throw malformed('"channel" is not a descriptor')
  if (!isNatural(raw.generation)) throw malformed('"generation" is not a number from 1 on')
  if (raw.umask !== undefined && raw.umask !== 0 && !isNatural(raw.umask)) {
    throw malformed('"umask" is not a file mode creation mask')
  }
  if (!Array.isArray(raw.signals) || !raw.signals.every((each) => typeof each === 'string')) {
    throw malformed('"signals" is not a list of signals')
  }
  if (raw.unavailable !== undefined && !isList(raw.unavailable, isString)) {
    throw malformed('"unavailable" is not a list of addresses')
  }
  if (!Array.isArray(raw.listeners) || !raw.listeners.every(isInheritedEntry)) {
    throw malformed('"listeners" is not a list of listeners')
  }
  return raw as unknown as Inheritance
}

function isSupervisorEntry(raw: unknown): boolean {
  if (!isRecord(raw) || !isNatural(raw.pid)) return false
  if (raw.start !== undefined && !isString(raw.start)) return false
  if (raw.workers !== undefined && !isNatural(raw.workers)) return false
  return [raw.readyTimeoutMs, raw.drainTimeoutMs].every(
    (limit) => limit === undefined || limit === 0 || isNatural(limit),
  )
}

/** A process inherits listeners from descriptor 3 on; a program may listen on any, as on standard input. */
export const isInheritedEntry = (raw: unknown): raw is ListenerEntry => isListenerEntry(raw) && raw.fd >= 3

export function isListenerEntry(raw: unknown): raw is ListenerEntry {
  if (!isRecord(raw) || !(raw.fd === 0 || isNatural(raw.fd)) || typeof raw.key !== 'string') return false
  if (raw.held !== undefined && !isString(raw.held)) return false
  const tcp = isRecord(raw.tcp) && typeof raw.tcp.address === 'string' && isPort(raw.tcp.port)
  const unix = isRecord(raw.unix) && typeof raw.unix.path === 'string'
  return tcp !== unix
}

function malformed(why: string, cause?: unknown): HandoverError {
  return new HandoverError(
    'ERR_HANDOVER_INHERITANCE_MALFORMED',
    `The environment variable ${inheritanceVariable} cannot be used: ${why}. Nothing was inherited. ` +
      'Only a predecessor sets it; unset it if it was set by hand.',
    {},
    cause,
  )
}

/** The value can be anything: a text of any length, or nested lists that `String` would never finish. */
const inFewWords = (value: unknown): string =>
  typeof value === 'object' && value !== null
    ? Object.prototype.toString.call(value)
    : String(value).slice(0, 40)

export function anotherVersion(theirs: unknown): HandoverError {
  return new HandoverError(
    'ERR_HANDOVER_WIRE_VERSION',
    `The other generation speaks version ${inFewWords(theirs)} of the handover, this one version ${wireVersion}. ` +
      'The running generation keeps serving. Stop and start the service once to change between the two.',
    { theirs, ours: wireVersion },
  )
}

const areFds = (value: unknown) => isList(value, isNatural)
export const isReceipt = ({ numbers, upTo, full }: Record<string, unknown>) =>
  isList(numbers, isNatural) && isNatural(upTo) && (full === undefined || full === true)
const isTlsSessions = (value: unknown) =>
  Array.isArray(value) &&
  isNatural(value[0]) &&
  isRecord(value[1]) &&
  value[1].ticketKeys instanceof Uint8Array &&
  isString(value[1].idContext)

const isPort = (value: unknown) => isNatural(value) && value <= 65_535
