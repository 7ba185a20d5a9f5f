/** Determines which service a command is for. */
import {
  type BigIntStats,
  closeSync,
  fstatSync,
  openSync,
  readdirSync,
  readFileSync,
  statSync,
} from 'node:fs'
import { join } from 'node:path'
import { CommandFailed, exitCodes } from '../command-line/exit-codes.js'
import { isRunning } from './process-status.js'

export interface TargetOptions {
  readonly control?: string
  readonly pidFile?: string
}

export type Target =
  | { readonly by: 'control'; readonly path: string }
  | { readonly by: 'pid-file'; readonly path: string; readonly pid: number }
  | { readonly by: 'pid'; readonly pid: number }

/** Errors: {@link CommandFailed}, if the service is named twice or its PID file cannot be used. */
export function readTarget(pid: number | undefined, { control, pidFile }: TargetOptions): Target {
  const named = [pid, control, pidFile].filter((each) => each !== undefined)
  if (named.length > 1) {
    throw new CommandFailed(exitCodes.usage, 'Name the service only once: --control, --pid-file or a PID.')
  }
  if (pid !== undefined) return { by: 'pid', pid }
  if (pidFile !== undefined) return { by: 'pid-file', path: pidFile, pid: readService(pidFile) }
  return { by: 'control', path: controlPath(control) }
}

/** The control socket to use; `given` is the one from the command line. */
export const controlPath = (given: string | undefined): string =>
  given ?? controlFromEnvironment() ?? defaultControl

/** The default path of the control socket, for `handover run` and for the other commands. */
export const defaultControl = './handover.sock'

export const controlFromEnvironment = (): string | undefined => process.env.HANDOVER_CONTROL || undefined

/** The PID in a PID file, and the identity of the file. Errors: {@link CommandFailed}. */
export function readPidFile(path: string): { readonly pid: number; readonly file: string | undefined } {
  let text: string
  let file: string | undefined
  try {
    const fd = openSync(path, 'r')
    file = fileOf(() => fstatSync(fd, { bigint: true }))
    text = readFileSync(fd, 'utf8')
    closeSync(fd)
  } catch (error) {
    throw new CommandFailed(
      exitCodes.unreachable,
      `The PID file ${path} cannot be read: ${(error as Error).message}`,
    )
  }
  const pid = Number(text)
  if (Number.isSafeInteger(pid) && pid > 0) return { pid, file }
  throw new CommandFailed(exitCodes.unreachable, `The PID file ${path} does not contain a PID.`)
}

/** The process that a PID file names. Errors: {@link CommandFailed}, if the process may not be the service. */
function readService(path: string): number {
  const { pid, file } = readPidFile(path)
  const isService = file === undefined ? undefined : hasOpen(pid, file)
  if (isService) return pid
  const why = !isRunning(pid)
    ? 'which has exited: the service is not running. Start the service again.'
    : isService === undefined
      ? `but /proc/${pid}/fd cannot be read to check that it is the service. No signal was sent. Use --control, or give the PID itself.`
      : 'which is not the service: the service has exited, and another process now has its PID. No signal was sent.'
  throw new CommandFailed(exitCodes.unreachable, `The PID file ${path} names process ${pid}, ${why}`)
}

/** Whether the process keeps the file open, as the service does (core's pid-file.ts). `undefined` if /proc is unreadable. */
function hasOpen(pid: number, file: string): boolean | undefined {
  const folder = `/proc/${pid}/fd`
  const isIt = (name: string) => fileOf(() => statSync(join(folder, name), { bigint: true })) === file
  try {
    return readdirSync(folder).some(isIt)
  } catch {
    return undefined
  }
}

function fileOf(stat: () => BigIntStats): string | undefined {
  try {
    const { dev, ino } = stat()
    return `${dev}:${ino}`
  } catch {
    // The process has closed the descriptor in the meantime.
    return undefined
  }
}

/** Changes whenever a service writes the file: it replaces the file by rename. */
export function identityOf(path: string): string | undefined {
  const stats = statSync(path, { bigint: true, throwIfNoEntry: false })
  return stats && `${stats.dev}:${stats.ino}:${stats.ctimeNs}`
}
