/** With what the commands that speak to a service end. `handover run` ends as its program does. */
export const exitCodes = {
  done: 0,
  /** The reload failed; or, at a stop, connections were cut or a hook failed. */
  failed: 1,
  usage: 2,
  /** No service was reached, or it does not answer. Nothing was done, as far as can be told. */
  unreachable: 3,
  /** The service got the request; the outcome is unknown. */
  unknown: 4,
  /** The service did nothing and gave the reason: a reload is under way, or it has too many clients. */
  refused: 5,
} as const

export type ExitCode = (typeof exitCodes)[keyof typeof exitCodes]

/** Ends the command with its message and that code. */
export class CommandFailed extends Error {
  constructor(
    readonly exitCode: ExitCode,
    message: string,
  ) {
    super(message)
  }
}
