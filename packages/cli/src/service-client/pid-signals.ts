/** Commands that use signals and a PID file. They can do and report less than those that use the control socket. */
import { constants } from 'node:os'
import { setTimeout as pause } from 'node:timers/promises'
import { CommandFailed, exitCodes } from '../command-line/exit-codes.js'
import { handlesSignal, isRunning } from './process-status.js'
import { identityOf, readPidFile } from './target.js'

const pollMs = 50

/** How long a successor may take to write the file after its predecessor has exited. It retries every second. */
const writeMs = 3_000

/** What a PID file shows about a reload. */
export type FileOutcome =
  | { readonly outcome: 'handed-over'; readonly pid: number }
  | { readonly outcome: 'failed' | 'ended' | 'unknown' }

/** Sends a signal to a process that handles it. Errors: {@link CommandFailed}. */
export function sendSignal(pid: number, name: 'SIGHUP' | 'SIGTERM'): void {
  if (name === 'SIGHUP' && !handlesSignal(pid, constants.signals.SIGHUP)) {
    throw new CommandFailed(
      exitCodes.unreachable,
      `Process ${pid} does not handle SIGHUP, which would terminate it. Nothing was sent.`,
    )
  }
  try {
    process.kill(pid, name)
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    const why: Readonly<Record<string, string>> = {
      ESRCH: `There is no process ${pid}.`,
      EPERM: `Process ${pid} belongs to another user.`,
    }
    throw new CommandFailed(exitCodes.unreachable, why[code ?? ''] ?? message)
  }
}

/**
 * Sends SIGHUP and waits for the PID file to change. A proven successor writes its PID; after a failed reload, the
 * running generation writes its own again.
 */
export async function reloadByPidFile(path: string, pid: number, timeoutMs: number): Promise<FileOutcome> {
  const before = identityOf(path)
  sendSignal(pid, 'SIGHUP')
  const deadline = performance.now() + timeoutMs
  for (let exitedAt: number | undefined; performance.now() < deadline; await pause(pollMs)) {
    if (!isRunning(pid)) exitedAt ??= performance.now()
    const now = identityOf(path) === before ? undefined : pidIn(path)
    if (now !== undefined) return now === pid ? { outcome: 'failed' } : { outcome: 'handed-over', pid: now }
    if (exitedAt !== undefined && performance.now() - exitedAt > writeMs) return { outcome: 'ended' }
  }
  return { outcome: 'unknown' }
}

/** `undefined` if the file is missing or does not contain a PID. */
function pidIn(path: string): number | undefined {
  try {
    return readPidFile(path).pid
  } catch {
    return undefined
  }
}

/** Resolves to `true` when the process has exited, or to `false` at the limit. */
export async function waitForExit(pid: number, timeoutMs: number): Promise<boolean> {
  for (const deadline = performance.now() + timeoutMs; performance.now() < deadline; await pause(pollMs)) {
    if (!isRunning(pid)) return true
  }
  return false
}
