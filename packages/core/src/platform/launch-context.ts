/**
 * How this process was started. Core reads this when it is first loaded, because the program may later change its
 * environment and its directory. All copies of core in the process share it.
 */
import { realpathSync, statSync } from 'node:fs'
import { join, relative } from 'node:path'
import { inheritanceVariable } from '../protocol/inheritance.js'
import { early } from './early.js'
import type { Platform } from './process.js'
import { startArguments } from './start-arguments.js'

export interface Origin {
  /** The inheritance variable, if a predecessor set it. */
  readonly inheritance: string | undefined
  /** The variables of socket activation, if systemd set them for this process. */
  readonly activation: { readonly count: string; readonly names: string | undefined } | undefined
  /** The environment that this process was started with, without the variables for this process alone. */
  readonly environment: NodeJS.ProcessEnv
  /** The working directory as the shell spelled it: through the `current` link, if the shell used that. */
  readonly cwd: string
  readonly umask: number
  /** The script and its arguments. The script's path also uses the link. */
  readonly args: readonly string[]
  /** Whether this process was started with a channel, even if the other end has closed. */
  readonly hadChannel: boolean
  /** Whether the program has an IPC channel of its own (`process.send`), or had one in the first generation. */
  readonly hadProgramChannel: boolean
  /** Reload signals that arrived before core listened for them. */
  readonly early: { readonly signals: readonly string[]; release(): void }
}

/** Variables that apply to one process only. No other process may inherit them. */
const ownVariables = [
  inheritanceVariable,
  'LISTEN_PID',
  'LISTEN_FDS',
  'LISTEN_FDNAMES',
  'LISTEN_PIDFDID',
  'WATCHDOG_PID',
  'NODE_CHANNEL_FD',
  'NODE_CHANNEL_SERIALIZATION_MODE',
  'NODE_UNIQUE_ID',
]

export function readOrigin(platform: Platform): Origin {
  const preloaded = early()
  const activation = readActivationVariables(platform)
  const environment = platform.initialEnvironment()
  const cwd = spelledCwd(platform.cwd(), environment.PWD)
  delete platform.environment[inheritanceVariable]
  if (preloaded) setWatchdogPid(platform)
  for (const name of ownVariables) delete environment[name]
  return {
    inheritance: preloaded?.inheritance,
    activation,
    environment,
    cwd,
    umask: platform.umask(),
    args: spelledArgs(startArguments(platform), platform.cwd(), cwd),
    hadChannel: preloaded?.channel !== undefined,
    hadProgramChannel: platform.hasProgramChannel(),
    early: preloaded ?? { signals: [], release() {} },
  }
}

/** The variables are for the process that `LISTEN_PID` names, which unsets them (sd_listen_fds(3)). */
function readActivationVariables({ environment, pid }: Platform): Origin['activation'] {
  const { LISTEN_PID, LISTEN_FDS, LISTEN_FDNAMES } = environment
  if (LISTEN_PID !== String(pid) || LISTEN_FDS === undefined) return undefined
  for (const name of ['LISTEN_PID', 'LISTEN_FDS', 'LISTEN_FDNAMES', 'LISTEN_PIDFDID'])
    delete environment[name]
  return { count: LISTEN_FDS, names: LISTEN_FDNAMES }
}

/** Lets a program in each generation ping systemd's watchdog itself. */
function setWatchdogPid({ environment, pid }: Platform): void {
  if (environment.WATCHDOG_USEC !== undefined) environment.WATCHDOG_PID = String(pid)
}

/**
 * The kernel knows only the physical directory. A shell puts the path that it used into PWD, which counts if it leads
 * to the same directory (test/handover/releases.test.ts).
 */
function spelledCwd(physical: string, spelled: string | undefined): string {
  return spelled?.startsWith('/') && sameFile(spelled, physical) ? spelled : physical
}

/** Node resolves the script's path to the physical directory. Uses the link instead, if it leads to the same file. */
function spelledArgs(args: readonly string[], physical: string, spelled: string): readonly string[] {
  const [script, ...rest] = args
  if (script === undefined || physical === spelled) return args
  const throughLink = join(spelled, relative(physical, script))
  return sameFile(throughLink, script) ? [throughLink, ...rest] : args
}

function sameFile(one: string, other: string): boolean {
  try {
    const [a, b] = [statSync(realpathSync(one)), statSync(other)]
    return a.dev === b.dev && a.ino === b.ino
  } catch {
    return false
  }
}
