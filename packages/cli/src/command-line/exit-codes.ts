/** Exit codes of the commands that talk to a service. `handover run` exits with the code of its program. */
export const exitCodes = {
  done: 0,
  /** The reload failed, or a stop cut connections, or a hook failed. */
  failed: 1,
  usage: 2,
  /** No service was reached, or it did not respond. Most likely nothing was done. */
  unreachable: 3,
  /** The service got the request; the outcome is unknown. */
  unknown: 4,
  /** The service did nothing and gave the reason: a reload is under way, or it has too many clients. */
  refused: 5,
} as const

export type ExitCode = (typeof exitCodes)[keyof typeof exitCodes]

/** Ends the command with this message and exit code. */
export class CommandFailed extends Error {
  constructor(
    readonly exitCode: ExitCode,
    message: string,
  ) {
    super(message)
  }
}
