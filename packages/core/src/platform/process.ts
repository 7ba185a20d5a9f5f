/** The only access to this process and to other processes. */
import type { ChildProcess, SpawnOptions } from 'node:child_process'
import { closeSync, openSync, readFileSync } from 'node:fs'
import { isMainThread } from 'node:worker_threads'
import { endsContainer } from './container.js'
import { early } from './early.js'
import { childProcess, cluster, tty } from './lazy-modules.js'
import { canListenOnHandle } from './listener-handle.js'
import { expectClose, programListeners, takeSignal } from './program-signals.js'
import { onSharedSignal, onSharedSignalAsPid1 } from './shared-signals.js'

/** A cluster worker starts with a channel. Without one, there is no need to load the module. */
const isClusterWorker = process.channel !== undefined && cluster().isWorker

/** Why this process cannot start a successor; `undefined` if it can. */
export function unsupported(): string | undefined {
  if (process.platform === 'win32') return 'Windows cannot pass a listening socket to another process'
  if (!isMainThread) return 'this is a worker thread'
  if (isClusterWorker) return 'this is a cluster worker, whose sockets belong to its primary'
  return canListenOnHandle() ? undefined : 'this version of Node.js cannot listen on an inherited handle'
}

/** The environment that this process was started with, from proc(5) if possible. */
function initialEnvironment(): NodeJS.ProcessEnv {
  try {
    const entries = readFileSync('/proc/self/environ', 'utf8').split('\0')
    const pairs = entries.flatMap((entry) => {
      const at = entry.indexOf('=')
      return at < 0 ? [] : [[entry.slice(0, at), entry.slice(at + 1)] as const]
    })
    return Object.fromEntries(pairs)
  } catch {
    return { ...process.env }
  }
}

/** A process. The start time distinguishes it from a later process with the same pid. */
export interface ProcessIdentity {
  readonly pid: number
  /** In clock ticks since boot; absent on a system without proc(5). */
  readonly start?: string | undefined
}

/** The fields of the process's stat file from the third on (proc(5)); `undefined` if there is no such file. */
function statOf(pid: number): readonly string[] | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    // The program's name, field 2, can contain spaces and parentheses.
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  } catch {
    return undefined
  }
}

/** The start time of a process, in clock ticks since boot; `undefined` without proc(5). */
const startOf = (pid: number): string | undefined => statOf(pid)?.[startField - 3]
const startField = 22

/** Whether the process with this identity still runs. */
function isSame({ pid, start }: ProcessIdentity): boolean {
  return isRunning(pid) && (start === undefined || (startOf(pid) ?? start) === start)
}

/** Whether the process runs. A zombie does not, where proc(5) shows it. */
function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0)
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
  return !/^[ZX]/.test(statOf(pid)?.[0] ?? '')
}

/** A session has no controlling terminal after its leader has exited, even if the terminal is still open. */
function hasControllingTerminal(): boolean {
  try {
    closeSync(openSync('/dev/tty', 'r'))
    return true
  } catch (error) {
    // ENXIO: there is none. ENOENT: without the file, assume that there is one.
    return (error as NodeJS.ErrnoException).code === 'ENOENT'
  }
}

const withIgnoredErrors = new Set<NodeJS.WriteStream>()

/**
 * From now on, a write to a closed terminal or pipe does not end the process. `console` ignores only the first error in
 * a turn of the event loop.
 */
export function ignoreOutputErrors(...streams: readonly ('stdout' | 'stderr')[]): void {
  for (const name of streams) {
    const stream = process[name]
    if (!withIgnoredErrors.has(stream)) stream.on('error', () => {})
    withIgnoredErrors.add(stream)
  }
}

/** All access to the process in one object, which unit tests can replace. */
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
  /** See {@link endsContainer}. Read at the start: an orphan gets another parent. */
  endsContainer: endsContainer(),
  now: () => performance.now(),
  /** The CPU time and the resident memory of this process. */
  usage(): { cpuMs: number; memoryBytes: number } {
    const { user, system } = process.cpuUsage()
    return { cpuMs: Math.round((user + system) / 1_000), memoryBytes: process.memoryUsage.rss() }
  },
  /** CLOCK_MONOTONIC, which systemd expects (uv_hrtime(3)). */
  monotonicMicroseconds: () => process.hrtime.bigint() / 1_000n,
  /** Milliseconds of CLOCK_MONOTONIC, the same for all processes of this machine. */
  monotonicMs: () => Math.floor(Number(process.hrtime.bigint()) / 1e6),
  ignoreOutputErrors,
  /** Whether standard input is a terminal that controls this process. A terminal that hung up does not (tty(4)). */
  hasTerminal: () => hasControllingTerminal() && tty().isatty(0),
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
  sleep: (ms: number): void => void Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms),
  /** Runs `create` with the umask `mask`, which applies to the whole process: `create` must be synchronous. */
  withUmask(mask: number, create: () => void): void {
    const before = process.umask(mask)
    try {
      create()
    } finally {
      process.umask(before)
    }
  },
  onSignal: takeSignal,
  programListeners,
  expectClose,
  onSharedSignal,
  onSharedSignalAsPid1,
  /** The channel to the predecessor or supervisor that started this process; `undefined` if there is none. */
  channel: () => early()?.channel,
  /** Whether the program has an IPC channel of its own, or had one in the first generation. */
  hasProgramChannel: () => process.send !== undefined,
}

export type Platform = typeof platform
