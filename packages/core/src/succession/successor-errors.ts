/** What is said of a successor that did not become the service. */
import { type ErrorData, errorFrom, HandoverError } from '../base/errors.js'

/** How a process ended. */
export interface Exit {
  readonly code: number | null
  readonly signal: string | null
}

/** What is known of it. */
interface Remains {
  readonly pid: number | undefined
  readonly exit: Exit | undefined
  /** The error that ended it, where it could tell. */
  readonly told: ErrorData | undefined
  /** Connections that it last said to have open. */
  readonly lost: number
}

export function successorFailed(
  code: 'ERR_HANDOVER_PROBATION' | 'ERR_HANDOVER_SUCCESSOR_EXITED',
  what: string,
  { pid, exit, told, lost }: Remains,
): HandoverError {
  const why = told ? `: ${told.name}: ${told.message.replace(/\.$/, '')}` : ''
  return new HandoverError(
    code,
    `Successor ${pid} ${what}${why}. This generation keeps serving.`,
    { pid, exitCode: exit?.code ?? null, signal: exit?.signal ?? null, lost },
    told && errorFrom(told),
  )
}

export function notReadyInTime(pid: number | undefined, readyTimeoutMs: number): HandoverError {
  return new HandoverError(
    'ERR_HANDOVER_READY_TIMEOUT',
    `Successor ${pid} was not ready after ${readyTimeoutMs} ms and is ended; this generation keeps serving.`,
    { pid, readyTimeoutMs },
  )
}

export const endInWords = ({ code, signal }: Exit): string =>
  signal ? `was ended by ${signal}` : `exited with code ${code}`

/** `lost`: connections that had moved to it, or were on their way. */
export function lostSuccessor(
  pid: number | undefined,
  exit: Exit,
  generation: number,
  lost: number,
): HandoverError {
  return new HandoverError(
    'ERR_HANDOVER_SUCCESSOR_LOST',
    `Successor ${pid} ${endInWords(exit)} shortly after it had taken over. Connections that had moved to it are lost: ${lost}. ` +
      `Generation ${generation} still drained and serves again.`,
    { pid, exitCode: exit.code, signal: exit.signal, lost },
  )
}
