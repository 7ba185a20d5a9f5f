import type { Facts } from './error-facts.js'
import type { ReloadReport } from './report.js'

/**
 * Every code that a {@link HandoverError} can have. docs/reference/errors.md explains them, and
 * test/docs/errors.test.ts compares this list with that page.
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

/** The code of a {@link HandoverError}: see docs/reference/errors.md. */
export type HandoverErrorCode = (typeof codes)[number]

/** The base of a class whose constructor assigns the facts. */
const ErrorWithFacts = Error as new (message: string, options?: ErrorOptions) => Error & Facts

/**
 * The error class of Handover. `code` identifies the error, and the message says what happened and what is true now.
 * The facts (`pid`, `exitCode`, `signal`, `generation`, …) are properties of the error. `cause` is the underlying error.
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

/** Errors of failed reloads that have been reported. */
const reported = new WeakSet<Error>()

/** Adds the report of the failed reload, and marks `error` as reported: see {@link isReported}. */
export function addReport(error: HandoverError, report: ReloadReport): void {
  Object.assign(error, { report })
  reported.add(error)
}

/** Whether `error` has been reported. Any other error of a reload is a refusal. */
export const isReported = (error: HandoverError): boolean => reported.has(error)
