/** Which service is meant. */
import { readFileSync, statSync } from 'node:fs'
import { CommandFailed, exitCodes } from './exit-codes.js'

export interface TargetOptions {
  readonly control?: string
  readonly pidFile?: string
}

export type Target =
  | { readonly by: 'control'; readonly path: string }
  | { readonly by: 'pid-file'; readonly path: string; readonly pid: number }
  | { readonly by: 'pid'; readonly pid: number }

/** Errors: {@link CommandFailed}, when more than one was named, or the PID file cannot be read. */
export function readTarget(pid: number | undefined, { control, pidFile }: TargetOptions): Target {
  const named = [pid, control, pidFile].filter((each) => each !== undefined)
  if (named.length > 1) {
    throw new CommandFailed(
      exitCodes.usage,
      'Say which service is meant once: --control, --pid-file or a PID.',
    )
  }
  if (pid !== undefined) return { by: 'pid', pid }
  if (pidFile !== undefined) return { by: 'pid-file', path: pidFile, pid: readPidFile(pidFile) }
  return { by: 'control', path: control ?? chosenControl() ?? usualControl }
}

/** Where `handover run` serves its control socket, and the other commands look for one, unless told otherwise. */
export const usualControl = './handover.sock'

/** What the environment says of it. */
export const chosenControl = (): string | undefined => process.env.HANDOVER_CONTROL || undefined

/** Errors: {@link CommandFailed}. */
export function readPidFile(path: string): number {
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch (error) {
    throw new CommandFailed(
      exitCodes.unreachable,
      `The PID file ${path} cannot be read: ${(error as Error).message}`,
    )
  }
  const pid = Number(text)
  if (Number.isSafeInteger(pid) && pid > 0) return pid
  throw new CommandFailed(exitCodes.unreachable, `The PID file ${path} holds no PID.`)
}

/** Changes whenever the file is put in place anew: it is replaced by rename. */
export function identityOf(path: string): string | undefined {
  const stats = statSync(path, { bigint: true, throwIfNoEntry: false })
  return stats && `${stats.dev}:${stats.ino}:${stats.ctimeNs}`
}
