/** The status of a process, from proc(5) on systems that have it. */
import { readFileSync } from 'node:fs'

/** A zombie does not count as running. This is a copy of core's check, because loading core is slow. */
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

/** Whether the process is `handover run`; `false` on a system without proc(5). */
export function isSupervisor(pid: number): boolean {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').startsWith(supervisorTitle)
  } catch {
    return false
  }
}

/** Whether the process handles the signal; `true` on a system without proc(5). */
export function handlesSignal(pid: number, signal: number): boolean {
  const [, caught] = /^SigCgt:\s+([0-9a-f]+)$/m.exec(statusFile(pid) ?? '') ?? []
  return caught === undefined || ((BigInt(`0x${caught}`) >> BigInt(signal - 1)) & 1n) === 1n
}

/** The resident memory of the process in bytes; `undefined` if it has exited, or on a system without proc(5). */
export function memoryOf(pid: number): number | undefined {
  const [, kibibytes] = /^VmRSS:\s+(\d+) kB$/m.exec(statusFile(pid) ?? '') ?? []
  return kibibytes === undefined ? undefined : Number(kibibytes) * 1_024
}

/** The children of the process that have ended and that it has not reaped; none on a system without proc(5). */
export function zombiesOf(pid: number): number[] {
  try {
    const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8')
    return children
      .split(' ')
      .filter(Boolean)
      .map(Number)
      .filter((each) => !isRunning(each))
  } catch {
    return []
  }
}

function statusFile(pid: number): string | undefined {
  try {
    return readFileSync(`/proc/${pid}/status`, 'utf8')
  } catch {
    return undefined
  }
}
