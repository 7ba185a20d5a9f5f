/** What can be done by signals alone, and what can be told then: less than by the control socket. */
import { readFileSync } from 'node:fs'
import { constants } from 'node:os'
import { setTimeout as pause } from 'node:timers/promises'
import { CommandFailed, exitCodes } from './exit-codes.js'
import { identityOf, readPidFile } from './target.js'

const pollMs = 50

/** What a PID file tells of a reload. */
export type FileOutcome =
  | { readonly outcome: 'handed-over'; readonly pid: number }
  | { readonly outcome: 'failed' | 'ended' | 'unknown' }

/** Sends a signal to a process that waits for it. Errors: {@link CommandFailed}. */
export function signal(pid: number, name: 'SIGHUP' | 'SIGTERM'): void {
  if (name === 'SIGHUP' && !listensFor(pid, constants.signals.SIGHUP)) {
    throw new CommandFailed(
      exitCodes.unreachable,
      `Process ${pid} does not listen for SIGHUP, which would end it. Nothing was sent.`,
    )
  }
  try {
    process.kill(pid, name)
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    const why: Readonly<Record<string, string>> = {
      ESRCH: `There is no process ${pid}.`,
      EPERM: `Process ${pid} is another user's.`,
    }
    throw new CommandFailed(exitCodes.unreachable, why[code ?? ''] ?? message)
  }
}

/**
 * The PID file is written when a successor is proven, and again, with the same PID, when a reload has failed. It
 * says nothing more, and nothing at all of what the service prints.
 */
export async function reloadByPidFile(path: string, pid: number, timeoutMs: number): Promise<FileOutcome> {
  const before = identityOf(path)
  signal(pid, 'SIGHUP')
  for (const deadline = performance.now() + timeoutMs; performance.now() < deadline; await pause(pollMs)) {
    if (identityOf(path) === before) {
      if (!isRunning(pid)) return { outcome: 'ended' }
      continue
    }
    if (identityOf(path) === undefined) return { outcome: 'ended' }
    const now = readPidFile(path)
    return now === pid ? { outcome: 'failed' } : { outcome: 'handed-over', pid: now }
  }
  return { outcome: 'unknown' }
}

/** Resolves when the process has ended: to false when it has not within the limit. */
export async function untilEnded(pid: number, timeoutMs: number): Promise<boolean> {
  for (const deadline = performance.now() + timeoutMs; performance.now() < deadline; await pause(pollMs)) {
    if (!isRunning(pid)) return true
  }
  return false
}

/** A zombie, which nobody has reaped, does not run (proc(5), where there is one). Not core's, which would load all of it. */
export function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0)
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
  return !/^State:\s+[ZX]/m.test(statusFile(pid) ?? '')
}

/** What `handover run` calls itself, before its arguments. */
export const supervisorTitle = 'handover run'

/** Whether it is `handover run`. Where the system does not tell, it is believed not to be. */
export function isSupervisor(pid: number): boolean {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').startsWith(supervisorTitle)
  } catch {
    return false
  }
}

/** Where the system does not tell, it is believed to. */
function listensFor(pid: number, number: number): boolean {
  const [, caught] = /^SigCgt:\s+([0-9a-f]+)$/m.exec(statusFile(pid) ?? '') ?? []
  return caught === undefined || ((BigInt(`0x${caught}`) >> BigInt(number - 1)) & 1n) === 1n
}

function statusFile(pid: number): string | undefined {
  try {
    return readFileSync(`/proc/${pid}/status`, 'utf8')
  } catch {
    return undefined
  }
}
