/** The environment variable through which a process inherits its place in the line and its listeners. */
import { HandoverError } from '../base/errors.js'
import { isNatural, isRecord, isString } from '../base/guards.js'
import { isCount, listOf, optional, shape } from './message-shapes.js'
import { anotherVersion, wireVersion } from './version.js'

/** The preload deletes the variable before user code runs (handover-preload.cjs). */
export const inheritanceVariable = 'HANDOVER_INHERITANCE'

/** The bound address of a TCP listener. */
export interface TcpAddress {
  readonly address: string
  readonly port: number
}

/** The file of a Unix socket. Its identity, not its path, decides which process owns it. */
export interface UnixFile {
  readonly path: string
  /** `device:inode` of a socket file that Handover created; absent if Handover must not remove the file. */
  readonly identity?: string
}

/**
 * A client can resume its TLS session with any process that has these keys (RFC 5077, RFC 8446 section 4.6.1). Handover
 * never writes them to disk, to the environment or to a log.
 */
export interface TlsSessions {
  readonly ticketKeys: Uint8Array
  /** OpenSSL resumes a session only in the context in which it began. */
  readonly idContext: string
}

export interface ListenerEntry {
  readonly fd: number
  /** The requested address (listeners/listen-address.ts). Entries with the same key are in the order of their `listen` calls. */
  readonly key: string
  readonly tcp?: TcpAddress
  readonly unix?: UnixFile
  /** The name of a socket from systemd (sd_listen_fds(3)). Handover never removes its file. */
  readonly systemd?: string
  /** The control socket: no server of the program gets it. */
  readonly control?: true
  /** The supervisor's name for the listener; absent without a supervisor. */
  readonly held?: string
}

/** The supervisor that starts the processes of a service and keeps them running (`handover run`). */
export interface SupervisorEntry {
  readonly pid: number
  /** Its start time, in the format of `predecessorStart`. */
  readonly start?: string
  /** How many workers it runs. Default: 1. */
  readonly workers?: number
  /** Limits from its command line, which override the options of the program. */
  readonly readyTimeoutMs?: number
  readonly drainTimeoutMs?: number
}

/** The content of the variable, for a child of the supervisor or, without a supervisor, of the predecessor. */
export interface Inheritance {
  readonly version: number
  /** The pid of the previous generation; absent if the process replaces none (under a supervisor). */
  readonly predecessor?: number
  /** The start time of the predecessor, from the operating system: a later process may get the same pid. */
  readonly predecessorStart?: string
  readonly supervisor?: SupervisorEntry
  /** The number of the successor in the line. The first generation is 1. */
  readonly generation: number
  /** The descriptor of the channel that the preload opens; absent if `process` has the channel. */
  readonly channel?: number
  /** The first generation had an IPC channel (`process.send`) to a process manager: see handover-preload.cjs. */
  readonly ipc?: true
  /** The umask of the first generation, which the preload sets; absent if a supervisor starts the process. */
  readonly umask?: number
  /** Signals that request a reload. The preload keeps them until core listens for them. */
  readonly signals: readonly string[]
  /** Keys of the addresses on which the predecessor could not listen. The successor may run without them, too. */
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

/** Inherited listeners have descriptors from 3 on. A program may listen on lower ones, such as standard input. */
const isInheritedEntry = (raw: unknown) => isListenerEntry(raw) && raw.fd >= 3

const isSupervisorEntry = shape<keyof SupervisorEntry>({
  pid: isNatural,
  start: optional(isString),
  workers: optional(isNatural),
  readyTimeoutMs: optional(isCount),
  drainTimeoutMs: optional(isCount),
})

type FieldCheck = (value: unknown, all: Record<string, unknown>) => boolean

/** A row for every field that core reads after `version`: its check, and the reason if the check fails. */
const fields: Readonly<Record<Exclude<keyof Inheritance, 'version' | 'ipc'>, readonly [FieldCheck, string]>> =
  {
    supervisor: [optional(isSupervisorEntry), 'is not a pid with limits'],
    predecessor: [
      (value, { supervisor }) => isNatural(value) || (value === undefined && supervisor !== undefined),
      'is not a pid',
    ],
    predecessorStart: [optional(isString), 'is not a string'],
    channel: [optional(isNatural), 'is not a descriptor'],
    generation: [isNatural, 'is not a positive integer'],
    umask: [optional(isCount), 'is not a file mode creation mask'],
    signals: [listOf(isString), 'is not a list of signals'],
    unavailable: [optional(listOf(isString)), 'is not a list of addresses'],
    listeners: [listOf(isInheritedEntry), 'is not a list of listeners'],
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
    if (!isValid(raw[name], raw)) throw malformed(`"${name}" ${why}`)
  }
  return raw as unknown as Inheritance
}

function malformed(why: string, cause?: unknown): HandoverError {
  return new HandoverError(
    'ERR_HANDOVER_INHERITANCE_MALFORMED',
    `The environment variable ${inheritanceVariable} cannot be used: ${why}. Nothing was inherited. ` +
      'Only Handover sets it; if you set it yourself, unset it.',
    {},
    cause,
  )
}
