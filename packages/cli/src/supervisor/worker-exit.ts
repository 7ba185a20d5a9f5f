/** Describes how a worker exited: as an exit code and as text. */
import { constants } from 'node:os'
import type { ErrorData } from '@handover/core/supervision'

export interface WorkerExit {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  /** The process could not be started. */
  readonly error?: Error
}

/** The facts about a worker that explain its exit. */
interface ExitedWorker {
  readonly isRegistered: boolean
  readonly servesSince: number | undefined
  readonly timedOutAfterMs: number | undefined
  readonly reportedError: ErrorData | undefined
}

/** As in a shell: 128 plus the signal number for a worker that a signal ended. */
export function exitCodeOf({ code, signal }: WorkerExit): number {
  return code ?? (signal ? 128 + constants.signals[signal] : 1)
}

/** The predicate of a sentence about the worker, for the log and for the error of a reload. */
export function describeExit(worker: ExitedWorker, { code, signal, error }: WorkerExit): string {
  const { reportedError, isRegistered, servesSince, timedOutAfterMs } = worker
  if (error) return `could not be started: ${error.message}`
  const ended = signal ? `was ended by ${signal}` : `exited with code ${code}`
  const early = servesSince === undefined ? ' before it was ready' : ''
  const what = timedOutAfterMs === undefined ? `${ended}${early}` : notReadyAfter(timedOutAfterMs)
  if (reportedError) return `${what}: ${reportedError.name}: ${reportedError.message}`
  const isExplained = isRegistered || (timedOutAfterMs === undefined && code !== 0)
  return isExplained ? what : `${what}. ${notParticipating}`
}

export const notReadyAfter = (ms: number): string => `was not ready after ${ms} ms`

export const notParticipating =
  'It does not use Handover: use @handover/fastify, express, koa or core in the server, or start it with ' +
  '"node --import @handover/core/register"'
