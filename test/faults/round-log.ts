/** The facts about a finished round. The oracle reads nothing else. */
import type { Failure } from '@handover/load'
import type { Fact } from '../support/story.js'
import type { Plan, Strike } from './plan.js'

/** A strike of the driver. `afterIndex`: the last fact that was told before it. */
export interface Act {
  readonly does: Strike['does']
  /** The process that it hit; absent for a fault of the folder. */
  readonly pid?: number
  readonly afterIndex: number
  /** Milliseconds since the epoch. */
  readonly at: number
}

/** A `handover` command that has ended. */
export interface Command {
  readonly name: 'reload' | 'stop'
  readonly afterIndex: number
  /** `null` when it did not end by itself. */
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

/** A reload that the round requested. `pid` is the process that a signal went to. */
export interface Requested {
  readonly by: 'signal' | 'command'
  readonly pid?: number
  readonly afterIndex: number
  readonly command?: Command
}

/** A connection that was answered once, was silent during the faults, and then sent another request. */
export interface IdleConnection {
  /** The pid that gave the first answer. */
  readonly first: number
  readonly outcome: 'answered' | 'failed'
  readonly detail: string
}

/** The observable state of the service at one moment. */
export interface Snapshot {
  /** The processes of the service that run. */
  readonly running: readonly number[]
  /** Why they are not what a service at rest consists of; absent when they are. */
  readonly unsettled?: string
  /** The pid that gave each answer, or why there was none. */
  readonly answers: readonly (number | string)[]
  /** The content of the PID file. */
  readonly pidFile: string | undefined
  /** Whether a process of that number runs. */
  readonly pidFileLives: boolean
  /** The pids that the control socket tells as serving, or why it does not answer. */
  readonly control: readonly number[] | string
  /** Names in the folder of the service. */
  readonly files: readonly string[]
}

export interface RoundLog {
  readonly plan: Plan
  /** The first process: that of generation 1, or the supervisor. */
  readonly firstPid: number
  readonly facts: readonly Fact[]
  readonly acts: readonly Act[]
  readonly requested: readonly Requested[]
  readonly failures: readonly Failure[]
  readonly idle: readonly IdleConnection[]
  /** When the faults were over. */
  readonly afterFaults: Snapshot
  /** When one more reload had been requested, by command, of a service that was up. */
  readonly lastReload?: { readonly command: Command; readonly snapshot: Snapshot }
  /** How a service that was up was stopped. What was told up to `afterIndex` has nothing to do with that. */
  readonly stop?: {
    readonly by: 'signal' | 'command'
    readonly afterIndex: number
    readonly command?: Command
  }
  /** What was there when everything was to be gone. */
  readonly left: { readonly running: readonly number[]; readonly files: readonly string[] }
  /** The error with which the driver failed. */
  readonly broken?: string
}

export const isAlone = ({ plan }: RoundLog): boolean => plan.setup.runner === 'alone'
