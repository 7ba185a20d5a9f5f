/** With what the commands that speak to a service end. `handover run` ends as its program does. */
export const exitCodes = {
  done: 0,
  /** The reload failed or was refused; connections were cut, or a hook failed, at a stop. */
  failed: 1,
  usage: 2,
  /** No service was reached, or it does not answer. Nothing was done, as far as can be told. */
  unreachable: 3,
  /** It was asked; what came of it cannot be told. */
  unknown: 4,
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
