import { inspect } from 'node:util'
import { longestMessage, longestStack, shorten } from './client-text.js'

/**
 * Every code that a {@link HandoverError} can carry, with the sentence that docs/reference/errors.md explains.
 * `test/docs/errors.test.ts` compares this list with that page in both directions.
 */
export const codes = [
  'ERR_HANDOVER_OPTION',
  'ERR_HANDOVER_OPTIONS_CONFLICT',
  'ERR_HANDOVER_NOT_A_SERVER',
  'ERR_HANDOVER_NOT_AN_APP',
  'ERR_HANDOVER_ALREADY_LISTENING',
  'ERR_HANDOVER_COPIES',
  'ERR_HANDOVER_PID_FILE',
  'ERR_HANDOVER_CONTROL',
  'ERR_HANDOVER_INHERITANCE_MALFORMED',
  'ERR_HANDOVER_INHERITANCE_FOREIGN',
  'ERR_HANDOVER_WIRE_VERSION',
  'ERR_HANDOVER_BAD_DESCRIPTOR',
  'ERR_HANDOVER_ADDRESS_IN_USE',
  'ERR_HANDOVER_UNSUPPORTED',
  'ERR_HANDOVER_NOT_READY',
  'ERR_HANDOVER_IN_PROGRESS',
  'ERR_HANDOVER_DRAINING',
  'ERR_HANDOVER_PROGRAM_MISSING',
  'ERR_HANDOVER_SPAWN',
  'ERR_HANDOVER_SUCCESSOR_EXITED',
  'ERR_HANDOVER_READY_TIMEOUT',
  'ERR_HANDOVER_PROBATION',
  'ERR_HANDOVER_SUCCESSOR_LOST',
  'ERR_HANDOVER_STATE',
  'ERR_HANDOVER_OTHER_ADDRESS',
  'ERR_HANDOVER_NOT_LISTENING',
  'ERR_HANDOVER_HOOK_TIMEOUT',
  'ERR_HANDOVER_REQUEST',
  'ERR_HANDOVER_BUSY',
] as const

/** One of the codes of docs/reference/errors.md. */
export type HandoverErrorCode = (typeof codes)[number]

/** Facts that came with an error: pids, exit codes, limits in milliseconds, addresses. */
export type Facts = Readonly<Record<string, unknown>>

/**
 * The one error class of Handover. `code` says what happened, the message says what is true now, the facts
 * (`pid`, `exitCode`, `signal`, `generation`, …) are properties of the error, and `cause` is what led to it.
 */
export class HandoverError extends Error {
  override readonly name = 'HandoverError'
  readonly code: HandoverErrorCode
  readonly [fact: string]: unknown

  constructor(code: HandoverErrorCode, message: string, facts: Facts = {}, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause })
    Object.assign(this, facts)
    this.code = code
  }
}

/** An error as data, fit for a message or a log line: long texts are shortened. */
export interface ErrorData {
  readonly name: string
  readonly message: string
  readonly stack?: string
  readonly code?: string
}

/** What `thrown` tells, whatever was thrown. */
export function errorData(thrown: unknown): ErrorData {
  if (!(thrown instanceof Error)) {
    const message = typeof thrown === 'string' ? thrown : inspect(thrown)
    return { name: 'Error', message: shorten(message, longestMessage) }
  }
  const { name, message, stack } = thrown
  const code = (thrown as NodeJS.ErrnoException).code
  return {
    name: String(name),
    message: shorten(String(message), longestMessage),
    ...(typeof stack === 'string' ? { stack: shorten(stack, longestStack) } : {}),
    ...(code === undefined ? {} : { code: String(code) }),
  }
}

/** The error that {@link errorData} described, with the stack of the process that threw it. */
export function errorFrom(data: ErrorData): Error {
  const error = new Error(data.message)
  return Object.assign(
    error,
    { name: data.name, stack: data.stack ?? `${data.name}: ${data.message}` },
    data.code === undefined ? {} : { code: data.code },
  )
}
