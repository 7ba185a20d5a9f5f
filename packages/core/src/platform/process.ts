/** The one door to the process and to other processes. */
import type { ChildProcess, SpawnOptions } from 'node:child_process'
import { closeSync, openSync, readFileSync } from 'node:fs'
import { isMainThread } from 'node:worker_threads'
import { early } from './early.js'
import { childProcess, cluster, tty } from './lazy-modules.js'
import { canListenOnHandle } from './listener-handle.js'
import { onSharedSignal } from './shared-signals.js'

/** At its start a cluster worker has a channel: without one there is no need to load the module. */
const isClusterWorker = process.channel !== undefined && cluster().isWorker

/** Why no successor can be started here; `undefined` where one can. */
export function unsupported(): string | undefined {
  if (process.platform === 'win32') return 'Windows cannot hand a listening socket on'
  if (!isMainThread) return 'this is a worker thread'
  if (isClusterWorker) return 'this is a cluster worker, whose sockets belong to its primary'
  return canListenOnHandle() ? undefined : 'this Node cannot listen on a handle it was given'
}

/** What was asked of the operating system when this process was started, from /proc where there is one. */
function initialEnvironment(): NodeJS.ProcessEnv {
  try {
    const entries = readFileSync('/proc/self/environ', 'utf8').split('\0')
    return Object.fromEntries(
      entries.filter((entry) => entry.includes('=')).map((entry) => split(entry, entry.indexOf('='))),
    )
  } catch {
    return { ...process.env }
  }
}

const split = (text: string, at: number): [string, string] => [text.slice(0, at), text.slice(at + 1)]

/** A process. The start time distinguishes it from a later process with the same pid. */
export interface ProcessIdentity {
  readonly pid: number
  /** As {@link startOf} returns it; absent where the system has no proc(5). */
  readonly start?: string | undefined
}

/** When a process was started, in clock ticks since boot (proc(5), field 22); `undefined` where there is no such file. */
function startOf(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    // The name of the program, field 2, may hold spaces and parentheses.
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[startField - 3]
  } catch {
    return undefined
  }
}
const startField = 22

/** Whether exactly that process runs. */
function isSame({ pid, start }: ProcessIdentity): boolean {
  return isRunning(pid) && (start === undefined || (startOf(pid) ?? start) === start)
}

/** Whether there is such a process. A zombie, which nobody has reaped, does not run (proc(5), where there is one). */
function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0)
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    return !/^[ZX]/.test(stat.slice(stat.lastIndexOf(')') + 2))
  } catch {
    return true
  }
}

/** A session whose leader has ended has none any more, though its terminal is still open to whoever uses it. */
function hasControllingTerminal(): boolean {
  try {
    closeSync(openSync('/dev/tty', 'r'))
    return true
  } catch (error) {
    // ENXIO: there is none. Without such a file nothing can be said.
    return (error as NodeJS.ErrnoException).code === 'ENOENT'
  }
}

const outlived = new Set<NodeJS.WriteStream>()

/**
 * A terminal that is gone, or a pipe that nobody reads any more, is an error of whatever is written to it: from now on
 * such errors end nobody. `console` sees to the first one in a turn of the event loop only.
 */
export function outliveOutput(...streams: readonly ('stdout' | 'stderr')[]): void {
  for (const name of streams) {
    const stream = process[name]
    if (!outlived.has(stream)) stream.on('error', () => {})
    outlived.add(stream)
  }
}

/** Everything else that is asked of the process, in one object, so that unit tests can give another. */
export const platform = {
  pid: process.pid,
  get ppid() {
    return process.ppid
  },
  isMainThread,
  argv: process.argv,
  execPath: process.execPath,
  get execArgv() {
    return process.execArgv
  },
  environment: process.env,
  initialEnvironment,
  cwd: () => process.cwd(),
  unsupported,
  /** Milliseconds of a clock that never goes back. */
  now: () => performance.now(),
  /** CLOCK_MONOTONIC, which is what systemd compares with (uv_hrtime(3)). */
  monotonicMicroseconds: () => process.hrtime.bigint() / 1_000n,
  /** The same for all processes of this machine, in milliseconds. */
  monotonicMs: () => Math.floor(Number(process.hrtime.bigint()) / 1e6),
  outliveOutput,
  /** Whether standard input is a terminal, and controls this process: one that hung up does not (tty(4)). */
  hasTerminal: () => tty().isatty(0) && hasControllingTerminal(),
  /** The one exit. */
  exit: (code: number): never => process.exit(code),
  spawn: (command: string, args: readonly string[], options: SpawnOptions): ChildProcess =>
    childProcess().spawn(command, args, options),
  run: (command: string, args: readonly string[], done: (error: Error | null) => void): void => {
    childProcess().execFile(command, args, { timeout: 5_000 }, done)
  },
  isRunning,
  umask: () => process.umask(),
  startOf,
  isSame,
  /** Blocks this thread. */
  sleep: (ms: number): void => void Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms),
  /** Files that `make` makes get no more than `mask` leaves. It must not wait for anything. */
  withUmask(mask: number, make: () => void): void {
    const before = process.umask(mask)
    try {
      make()
    } finally {
      process.umask(before)
    }
  },
  onSignal(signal: NodeJS.Signals, listener: () => void): () => void {
    process.on(signal, listener)
    return () => process.off(signal, listener)
  },
  onSharedSignal,
  /** The channel to the predecessor or supervisor that started this process; `undefined` if there is none. */
  channel: () => early()?.channel,
  /** Whether the program has an IPC channel of its own, or had one in the first generation. */
  hasProgramChannel: () => process.send !== undefined,
}

export type Platform = typeof platform
