// Reads from /proc about any process, whether or not it is a child of the test.
import { execFileSync } from 'node:child_process'
import { readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { setTimeout as pause } from 'node:timers/promises'
import { until } from './until.js'

const POLL_MS = 10

export interface ProcessStatus {
  readonly pid: number
  readonly parent: number
  /** `R`, `S`, `D`, `T`, `Z`…: see proc(5). */
  readonly state: string
  /** In clock ticks since boot. Together with the pid it identifies a process even if the pid is reused. */
  readonly startedAt: string
}

/** `undefined` when no such process exists. A zombie still has a status. */
export function statusOf(pid: number): ProcessStatus | undefined {
  const stat = readOrUndefined(`/proc/${pid}/stat`)
  if (stat === undefined) return undefined
  // The second field, the program's name, may contain spaces and parentheses.
  const [state = '', parent, ...more] = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return { pid, parent: Number(parent), state, startedAt: more[17] ?? '' }
}

/** Whether the process that started at that time still runs. A zombie does not count as running. */
export function isRunning(pid: number, startedAt?: string): boolean {
  const status = statusOf(pid)
  if (!status || status.state === 'Z' || status.state === 'X') return false
  return startedAt === undefined || status.startedAt === startedAt
}

/** Resolves when a signal has stopped the process. */
export const stopped = (pid: number): Promise<void> =>
  until(`process ${pid} has stopped`, () => statusOf(pid)?.state === 'T')

/** Resolves with `true` when the process has ended, or with `false` if it still runs after the limit. */
export async function ended(pid: number, limitMs: number): Promise<boolean> {
  const startedAt = statusOf(pid)?.startedAt
  const deadline = performance.now() + limitMs
  while (isRunning(pid, startedAt)) {
    if (performance.now() > deadline) return false
    await pause(POLL_MS)
  }
  return true
}

/** All descendants of the process, including zombies. */
export function descendantsOf(pid: number): number[] {
  const all = allPids().flatMap((each) => statusOf(each) ?? [])
  const below = (parent: number): number[] =>
    all.filter((status) => status.parent === parent).flatMap((child) => [child.pid, ...below(child.pid)])
  return below(pid)
}

/** The running processes that were started with this environment variable set to this value. */
export function processesWith(variable: string, value: string): number[] {
  const entry = `${variable}=${value}`
  return allPids().filter((pid) => {
    const environment = readOrUndefined(`/proc/${pid}/environ`)
    return environment?.split('\0').includes(entry) === true && isRunning(pid)
  })
}

export interface Descriptor {
  readonly fd: number
  /** A path, `socket:[inode]`, `pipe:[inode]`, `anon_inode:[eventpoll]`… */
  readonly target: string
}

export function descriptorsOf(pid: number): Descriptor[] {
  return readdirSync(`/proc/${pid}/fd`).flatMap((fd) => {
    const target = undefinedIfGone(() => readlinkSync(`/proc/${pid}/fd/${fd}`))
    return target === undefined ? [] : [{ fd: Number(fd), target }]
  })
}

/** Sets the soft limit of a process so that it can open exactly this many more descriptors. */
export function allowDescriptors(pid: number, more = 1_000): void {
  const taken = new Set(descriptorsOf(pid).map(({ fd }) => fd))
  let limit = 0
  // The kernel assigns the lowest free number.
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
