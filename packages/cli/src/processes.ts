/** What the system tells of a process (proc(5), where there is one). */
import { readFileSync } from 'node:fs'

/** A zombie, which nobody has reaped, does not run. Not core's, which would load all of it. */
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
export function listensFor(pid: number, number: number): boolean {
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
