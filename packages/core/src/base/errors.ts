import type { Facts } from './error-facts.js'
import type { ReloadReport } from './report.js'

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

/** `Error`, for a class whose constructor assigns the facts. */
const ErrorWithFacts = Error as new (message: string, options?: ErrorOptions) => Error & Facts

/**
 * The one error class of Handover. `code` says what happened, the message says what is true now, the facts
 * (`pid`, `exitCode`, `signal`, `generation`, …) are properties of the error, and `cause` is what led to it.
 */
export class HandoverError extends ErrorWithFacts {
  override readonly name = 'HandoverError'
  readonly code: HandoverErrorCode

  constructor(code: HandoverErrorCode, message: string, facts: Facts = {}, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause })
    Object.assign(this, facts)
    this.code = code
  }
}

/** The errors of failed reloads that were reported when they happened. */
const reported = new WeakSet<Error>()

/** Adds the report of the failed reload. Nothing else reports `error` from now on: see {@link isReported}. */
export function addReport(error: HandoverError, report: ReloadReport): void {
  Object.assign(error, { report })
  reported.add(error)
}

/** Whether the failure was reported when it happened. Any other error of a reload is a refusal. */
export const isReported = (error: HandoverError): boolean => reported.has(error)
