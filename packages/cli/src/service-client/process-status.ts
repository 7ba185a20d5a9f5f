/** The status of a process, from proc(5) where the system has it. */
import { readFileSync } from 'node:fs'

/** A zombie does not run. This is a copy of core's check, because loading core takes long. */
export function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0)
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
  return !/^State:\s+[ZX]/m.test(statusFile(pid) ?? '')
}

/** The process title of `handover run`, without its arguments. */
export const supervisorTitle = 'handover run'

/** Whether it is `handover run`; `false` where the system has no proc(5). */
export function isSupervisor(pid: number): boolean {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').startsWith(supervisorTitle)
  } catch {
    return false
  }
}

/** `true` where the system has no proc(5). */
export function listensFor(pid: number, signal: number): boolean {
  const [, caught] = /^SigCgt:\s+([0-9a-f]+)$/m.exec(statusFile(pid) ?? '') ?? []
  return caught === undefined || ((BigInt(`0x${caught}`) >> BigInt(signal - 1)) & 1n) === 1n
}

function statusFile(pid: number): string | undefined {
  try {
    return readFileSync(`/proc/${pid}/status`, 'utf8')
  } catch {
    return undefined
  }
}
