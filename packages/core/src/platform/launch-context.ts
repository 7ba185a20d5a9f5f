/**
 * How this process was started, taken down when core is first loaded: later the program may have changed its
 * environment and its directory. Shared by all copies of core in the process.
 */
import { realpathSync, statSync } from 'node:fs'
import { join, relative } from 'node:path'
import { inheritanceVariable } from '../protocol/inheritance.js'
import { early } from './early.js'
import type { Platform } from './process.js'

export interface Origin {
  /** The text of the handover variable, where a predecessor set it. */
  readonly inheritance: string | undefined
  /** The variables of socket activation, where systemd set them for this very process. */
  readonly activation: { readonly count: string; readonly names: string | undefined } | undefined
  /** The environment that this process was started with, without what belongs to it alone. */
  readonly environment: NodeJS.ProcessEnv
  /** The working directory as it was spelled: through the `current` link, where the shell went through it. */
  readonly cwd: string
  /** The permissions that new files do not get. */
  readonly umask: number
  /** The script and its arguments; the script through the link as well. */
  readonly args: readonly string[]
  /** Whether this process was started with a channel, even if its other side has gone by now. */
  readonly hadChannel: boolean
  /** Whether the program had an IPC channel of its own (`process.send`) in the first generation. */
  readonly hadProgramChannel: boolean
  /** Reload signals that came before core listened for them. */
  readonly early: { readonly signals: readonly string[]; release(): void }
}

/** Variables that are true for one process only, and must not reach another. */
const personal = [
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
  const live = platform.environment
  const left = early()
  const activation = readActivationVariables(platform)
  const environment = platform.initialEnvironment()
  const cwd = spelledCwd(platform.cwd(), environment.PWD)
  delete live[inheritanceVariable]
  if (left) nameForWatchdog(platform)
  for (const name of personal) delete environment[name]
  return {
    inheritance: left?.inheritance,
    activation,
    environment,
    cwd,
    umask: platform.umask(),
    args: spelledArgs(platform.argv.slice(1), platform.cwd(), cwd),
    hadChannel: left?.channel !== undefined,
    hadProgramChannel: platform.hasProgramChannel(),
    early: left ?? { signals: [], release() {} },
  }
}

/** sd_listen_fds(3): the variables are for the process that `LISTEN_PID` names, and are unset by it. */
function readActivationVariables({ environment, pid }: Platform): Origin['activation'] {
  const { LISTEN_PID, LISTEN_FDS, LISTEN_FDNAMES } = environment
  if (LISTEN_PID !== String(pid) || LISTEN_FDS === undefined) return undefined
  for (const name of ['LISTEN_PID', 'LISTEN_FDS', 'LISTEN_FDNAMES', 'LISTEN_PIDFDID'])
    delete environment[name]
  return { count: LISTEN_FDS, names: LISTEN_FDNAMES }
}

/** A program that pings systemd's watchdog itself finds its own pid in each generation. */
function nameForWatchdog({ environment, pid }: Platform): void {
  if (environment.WATCHDOG_USEC !== undefined) environment.WATCHDOG_PID = String(pid)
}

/**
 * The kernel knows the physical directory only; a shell leaves the path it took in PWD. It is believed if it
 * leads to the same place (test/handover/releases.test.ts).
 */
function spelledCwd(physical: string, spelled: string | undefined): string {
  return spelled?.startsWith('/') && sameFile(spelled, physical) ? spelled : physical
}

/** The script was made absolute by Node with the physical directory: say it through the link, if that leads there. */
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
