/** The log of a finished round: the only input of the oracle. */
import type { Failure } from '@handover/load'
import type { Fact } from '../support/story.js'
import type { Plan, Strike } from './plan.js'

/** A strike of the driver. `afterIndex` is the last fact before it. */
export interface Act {
  readonly does: Strike['does']
  /** The process that it hit, or absent for a fault of the folder. */
  readonly pid?: number
  readonly afterIndex: number
  /** Milliseconds since the epoch. */
  readonly at: number
}

/** A `handover` command that has ended. */
export interface Command {
  readonly name: 'reload' | 'stop'
  readonly afterIndex: number
  /** `null` if a signal ended it. */
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

/** A reload that the round requested. `pid` is the process that received a signal. */
export interface Requested {
  readonly by: 'signal' | 'command'
  readonly pid?: number
  readonly afterIndex: number
  readonly command?: Command
}

/** A connection that got one response, stayed silent during the faults and then sent another request. */
export interface IdleConnection {
  /** The pid that sent the first response. */
  readonly first: number
  readonly outcome: 'answered' | 'failed'
  readonly detail: string
}

/** The observable state of the service at one moment. */
export interface Snapshot {
  /** The running processes of the service. */
  readonly running: readonly number[]
  /** Why the service is not stable, or absent if it is. */
  readonly unsettled?: string
  /** The pid that sent each response, or why there was none. */
  readonly answers: readonly (number | string)[]
  /** The content of the PID file. */
  readonly pidFile: string | undefined
  /** Whether the process that the PID file names is running. */
  readonly pidFileLives: boolean
  /** The pids that the control socket lists as ready, or why it does not answer. */
  readonly control: readonly number[] | string
  /** The file names in the folder of the service. */
  readonly files: readonly string[]
}

export interface RoundLog {
  readonly plan: Plan
  /** The first process: generation 1 or the supervisor. */
  readonly firstPid: number
  readonly facts: readonly Fact[]
  readonly acts: readonly Act[]
  readonly requested: readonly Requested[]
  readonly failures: readonly Failure[]
  readonly idle: readonly IdleConnection[]
  /** The state after the faults have ended. */
  readonly afterFaults: Snapshot
  /** One more reload by command of a service that was up, and the state after it. */
  readonly lastReload?: { readonly command: Command; readonly snapshot: Snapshot }
  /** How the round stopped a service that was up. Facts after `afterIndex` may result from it. */
  readonly stop?: {
    readonly by: 'signal' | 'command'
    readonly afterIndex: number
    readonly command?: Command
  }
  /** The processes and files that remained at the end. */
  readonly left: { readonly running: readonly number[]; readonly files: readonly string[] }
  /** The error of the driver, if it failed. */
  readonly broken?: string
}

export const isAlone = ({ plan }: RoundLog): boolean => plan.setup.runner === 'alone'
