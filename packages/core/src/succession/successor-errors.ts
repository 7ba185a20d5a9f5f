/** The errors of a successor that did not become the service, or died soon after. */
import { type ErrorData, errorFrom } from '../base/error-data.js'
import { HandoverError } from '../base/errors.js'

/** How a process ended. */
export interface Exit {
  readonly code: number | null
  readonly signal: string | null
}

/** The known facts about a failed successor. */
interface FailedSuccessor {
  readonly pid: number | undefined
  readonly exit: Exit | undefined
  /** The error that ended the successor, if it could report it. */
  readonly reported: ErrorData | undefined
  /** Its open connections, as last reported. */
  readonly lost: number
}

export function successorFailed(
  code: 'ERR_HANDOVER_PROBATION' | 'ERR_HANDOVER_SUCCESSOR_EXITED',
  what: string,
  { pid, exit, reported, lost }: FailedSuccessor,
): HandoverError {
  const why = reported ? `: ${reported.name}: ${reported.message.replace(/\.$/, '')}` : ''
  return new HandoverError(
    code,
    `Successor ${pid} ${what}${why}. This generation keeps serving.`,
    { pid, exitCode: exit?.code ?? null, signal: exit?.signal ?? null, lost },
    reported && errorFrom(reported),
  )
}

export function notReadyInTime(pid: number | undefined, readyTimeoutMs: number): HandoverError {
  return new HandoverError(
    'ERR_HANDOVER_READY_TIMEOUT',
    `Successor ${pid} was not ready after ${readyTimeoutMs} ms and is ended; this generation keeps serving.`,
    { pid, readyTimeoutMs },
  )
}

export const formatExit = ({ code, signal }: Exit): string =>
  signal ? `was ended by ${signal}` : `exited with code ${code}`

/** `lost` counts connections that had moved to the successor, or were in transit. */
export function lostSuccessor(
  pid: number | undefined,
  exit: Exit,
  generation: number,
  lost: number,
): HandoverError {
  return new HandoverError(
    'ERR_HANDOVER_SUCCESSOR_LOST',
    `Successor ${pid} ${formatExit(exit)} shortly after it had taken over. Connections that had moved to it are lost: ${lost}. ` +
      `Generation ${generation} still drained and serves again.`,
    { pid, exitCode: exit.code, signal: exit.signal, lost },
  )
}
