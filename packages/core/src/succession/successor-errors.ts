/** The errors of a successor that did not take over, or died soon after. */
import { type ErrorData, errorFrom } from '../base/error-data.js'
import { HandoverError } from '../base/errors.js'

/** How a process ended. */
export interface Exit {
  readonly code: number | null
  readonly signal: string | null
}

interface FailedSuccessor {
  readonly pid: number | undefined
  readonly exit: Exit | undefined
  readonly messages: { readonly reportedError: ErrorData | undefined; readonly openConnections: number }
}

export function successorFailed(
  code: 'ERR_HANDOVER_PROBATION' | 'ERR_HANDOVER_SUCCESSOR_EXITED',
  what: string,
  { pid, exit, messages }: FailedSuccessor,
): HandoverError {
  const { reportedError: reported, openConnections: lost } = messages
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
    `Successor ${pid} was not ready after ${readyTimeoutMs} ms and is being terminated. This generation keeps serving.`,
    { pid, readyTimeoutMs },
  )
}

export const formatExit = ({ code, signal }: Exit): string =>
  signal ? `was ended by ${signal}` : `exited with code ${code}`

/** `lost` counts the connections that had moved to the successor or were in transit. */
export function lostSuccessor(
  pid: number | undefined,
  exit: Exit,
  generation: number,
  lost: number,
): HandoverError {
  return new HandoverError(
    'ERR_HANDOVER_SUCCESSOR_LOST',
    `Successor ${pid} ${formatExit(exit)} shortly after it took over. Lost connections that had moved to it: ${lost}. ` +
      `Generation ${generation} was still draining and serves again.`,
    { pid, exitCode: exit.code, signal: exit.signal, lost },
  )
}
