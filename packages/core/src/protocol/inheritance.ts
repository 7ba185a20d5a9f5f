/** What a process inherits through one environment variable: its place in the line, and its listeners. */
import { HandoverError } from '../base/errors.js'
import { isList, isNatural, isRecord, isString } from '../base/guards.js'
import { isCount, optional, shape } from './message-shapes.js'
import type { Check } from './message-table.js'
import { anotherVersion, wireVersion } from './version.js'

/** The one environment variable of a handover. Deleted before user code runs (handover-preload.cjs). */
export const inheritanceVariable = 'HANDOVER_INHERITANCE'

/** The bound address of a TCP listener. */
export interface TcpAddress {
  readonly address: string
  readonly port: number
}

/** The file of a Unix socket. Its identity, not its name, decides which process owns the path. */
export interface UnixFile {
  readonly path: string
  /** `device:inode` of a socket file that Handover created; absent if Handover must not remove the path. */
  readonly identity?: string
}

/**
 * A client can resume its TLS session with any process that has these (RFC 5077, RFC 8446 section 4.6.1). They are never
 * written to disk, to the environment or to a log.
 */
export interface TlsSessions {
  readonly ticketKeys: Uint8Array
  /** OpenSSL resumes a session only in the context in which it began. */
  readonly idContext: string
}

/** One inherited listener. */
export interface ListenerEntry {
  readonly fd: number
  /** The requested address, as listeners/listen-address.ts writes it. Entries with one key are in the order of their `listen` calls. */
  readonly key: string
  readonly tcp?: TcpAddress
  readonly unix?: UnixFile
  /** The name of a socket from systemd (sd_listen_fds(3)). Its file is never removed. */
  readonly systemd?: string
  /** It is the control socket: no server of the program gets it. */
  readonly control?: true
  /** The supervisor's name for it, under a supervisor. */
  readonly held?: string
}

/** The supervisor that starts and keeps the processes of a service (`handover run`). */
export interface SupervisorEntry {
  readonly pid: number
  /** Its start time, in the format of `predecessorStart`. */
  readonly start?: string
  /** How many workers it keeps; absent: one. */
  readonly workers?: number
  /** Limits from its command line. They override the options of the program. */
  readonly readyTimeoutMs?: number
  readonly drainTimeoutMs?: number
}

/** The content of the variable. It is for a child of the supervisor, or without one, for a child of the predecessor. */
export interface Inheritance {
  readonly version: number
  /** The pid of the previous generation; absent if a supervisor starts a process that replaces none. */
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
  /** The file mode creation mask of the first generation, which the preload sets; absent if a supervisor starts the process. */
  readonly umask?: number
  /** Signals that request a reload. The preload keeps them until core listens for them. */
  readonly signals: readonly string[]
  /** Keys of addresses on which the predecessor could not listen. The successor's program may run without them, too. */
  readonly unavailable?: readonly string[]
  readonly listeners: readonly ListenerEntry[]
}

const isPort = (value: unknown) => isNatural(value) && value <= 65_535

export function isListenerEntry(raw: unknown): raw is ListenerEntry {
  if (!isRecord(raw) || !isCount(raw.fd) || !isString(raw.key)) return false
  if (raw.held !== undefined && !isString(raw.held)) return false
  const tcp = isRecord(raw.tcp) && isString(raw.tcp.address) && isPort(raw.tcp.port)
  const unix = isRecord(raw.unix) && isString(raw.unix.path)
  return tcp !== unix
}

/** A process inherits listeners from descriptor 3 on. A program may listen on any other, such as standard input. */
const isInheritedEntry = (raw: unknown) => isListenerEntry(raw) && raw.fd >= 3

const isSupervisorEntry = shape<keyof SupervisorEntry>({
  pid: isNatural,
  start: optional(isString),
  workers: optional(isNatural),
  readyTimeoutMs: optional(isCount),
  drainTimeoutMs: optional(isCount),
})

/** A row for every field that core reads after `version`: its check, and the reason if the check fails. */
const fields: Readonly<Record<Exclude<keyof Inheritance, 'version' | 'ipc'>, readonly [Check, string]>> = {
  supervisor: [
    ({ supervisor }) => supervisor === undefined || isSupervisorEntry(supervisor),
    'is not a pid with limits',
  ],
  predecessor: [
    ({ predecessor, supervisor }) =>
      isNatural(predecessor) || (predecessor === undefined && supervisor !== undefined),
    'is not a pid',
  ],
  predecessorStart: [
    ({ predecessorStart }) => predecessorStart === undefined || isString(predecessorStart),
    'is not a text',
  ],
  channel: [({ channel }) => channel === undefined || isNatural(channel), 'is not a descriptor'],
  generation: [({ generation }) => isNatural(generation), 'is not a number from 1 on'],
  umask: [({ umask }) => umask === undefined || isCount(umask), 'is not a file mode creation mask'],
  signals: [({ signals }) => isList(signals, isString), 'is not a list of signals'],
  unavailable: [
    ({ unavailable }) => unavailable === undefined || isList(unavailable, isString),
    'is not a list of addresses',
  ],
  listeners: [({ listeners }) => isList(listeners, isInheritedEntry), 'is not a list of listeners'],
}

/** Reads the variable. Errors: `ERR_HANDOVER_INHERITANCE_MALFORMED`, `ERR_HANDOVER_WIRE_VERSION`. */
export function readInheritance(text: string): Inheritance {
  let raw: unknown
  try {
    raw = JSON.parse(text)
  } catch (cause) {
    throw malformed('it is not JSON', cause)
  }
  if (!isRecord(raw)) throw malformed('it is not an object')
  if (raw.version !== wireVersion) throw anotherVersion(raw.version)
  for (const [name, [isValid, why]] of Object.entries(fields)) {
    if (!isValid(raw)) throw malformed(`"${name}" ${why}`)
  }
  return raw as unknown as Inheritance
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
