import { readFileSync } from 'node:fs'

/** The resident memory of a process (proc(5), VmRSS). */
export function rssMiB(pid: number): number {
  const [, kib] = /^VmRSS:\s*(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? []
  return Number(kib) / 1024
}
