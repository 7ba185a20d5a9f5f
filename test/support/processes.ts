// What Linux says about processes, of our own children or not.
import { execFileSync } from 'node:child_process'
import { readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { setTimeout as pause } from 'node:timers/promises'

const POLL_MS = 10

export interface ProcessStatus {
  readonly pid: number
  readonly parent: number
  /** `R`, `S`, `D`, `T`, `Z`…: see proc(5). */
  readonly state: string
  /** In clock ticks since the boot: with the pid, it tells a process from a later one of the same number. */
  readonly startedAt: string
}

/** `undefined` when there is no such process. A zombie has a status. */
export function statusOf(pid: number): ProcessStatus | undefined {
  const stat = readOrUndefined(`/proc/${pid}/stat`)
  if (stat === undefined) return undefined
  // The second field, the name of the program, may hold spaces and parentheses.
  const [state = '', parent, ...more] = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return { pid, parent: Number(parent), state, startedAt: more[17] ?? '' }
}

/** Whether it still runs, and is the one that was started then. A zombie does not run. */
export function isRunning(pid: number, startedAt?: string): boolean {
  const status = statusOf(pid)
  if (!status || status.state === 'Z' || status.state === 'X') return false
  return startedAt === undefined || status.startedAt === startedAt
}

/** Resolves when the process has ended, to false when it has not within the limit. */
export async function ended(pid: number, limitMs: number): Promise<boolean> {
  const startedAt = statusOf(pid)?.startedAt
  const deadline = performance.now() + limitMs
  while (isRunning(pid, startedAt)) {
    if (performance.now() > deadline) return false
    await pause(POLL_MS)
  }
  return true
}

/** The processes that this one started, and those that they started; zombies too. */
export function descendantsOf(pid: number): number[] {
  const all = allPids().flatMap((each) => statusOf(each) ?? [])
  const below = (parent: number): number[] =>
    all.filter((status) => status.parent === parent).flatMap((child) => [child.pid, ...below(child.pid)])
  return below(pid)
}

/** The running processes in whose environment the variable was set to the value when they were started. */
export function processesWith(variable: string, value: string): number[] {
  const entry = `${variable}=${value}`
  return allPids().filter((pid) => {
    const environment = readOrUndefined(`/proc/${pid}/environ`)
    return environment?.split('\0').includes(entry) === true && isRunning(pid)
  })
}

export interface Descriptor {
  readonly fd: number
  /** What it is: a path, `socket:[inode]`, `pipe:[inode]`, `anon_inode:[eventpoll]`… */
  readonly target: string
}

export function descriptorsOf(pid: number): Descriptor[] {
  return readdirSync(`/proc/${pid}/fd`).flatMap((fd) => {
    const target = undefinedIfGone(() => readlinkSync(`/proc/${pid}/fd/${fd}`))
    return target === undefined ? [] : [{ fd: Number(fd), target }]
  })
}

/** Limits how many more descriptors a process can open, by its soft limit. Without a number, removes the limit. */
export function allowDescriptors(pid: number, more = 1_000): void {
  const taken = new Set(descriptorsOf(pid).map(({ fd }) => fd))
  let limit = 0
  // The kernel gives out the lowest free number.
  for (let free = more; free > 0 || taken.has(limit); limit++) if (!taken.has(limit)) free--
  execFileSync('prlimit', ['--pid', String(pid), `--nofile=${limit}:`])
}

function allPids(): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
}

function readOrUndefined(path: string): string | undefined {
  return undefinedIfGone(() => readFileSync(path, 'utf8'))
}

function undefinedIfGone(read: () => string): string | undefined {
  try {
    return read()
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined
    if (code === 'ENOENT' || code === 'ESRCH' || code === 'EACCES') return undefined
    throw error
  }
}
