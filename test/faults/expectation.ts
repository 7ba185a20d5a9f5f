/** Decides whether the service must be up after the faults of a round. */
import type { FinalReport } from '@handover/core'
import {
  beforeStop,
  closedByProgram,
  type Death,
  deathOf,
  faultsOf,
  lostSupervisor,
  type Phase,
  type ProcessFacts,
  phaseAfter,
  phaseAt,
  struck,
} from './process-states.js'
import { isAlone, type RoundLog } from './round-log.js'

/** A predecessor notices the exit of its successor within this time, even on a busy machine. */
const noticeMs = 250

export interface Expectation {
  /** `either` means that no process could have continued the service, or that the log is ambiguous. */
  readonly service: 'up' | 'down' | 'either'
  readonly because: string
  /** Connections may have been refused for a while, although the service was up again at the end. */
  readonly mayPause?: boolean
}

const up = { service: 'up', because: 'a process without a fault could continue the service' } as const
const either = (because: string): Expectation => ({ service: 'either', because })
const down = (because: string): Expectation => ({ service: 'down', because })

export const expectationOf = (log: RoundLog): Expectation =>
  isAlone(log) ? ofGenerations(log) : ofSupervisor(log)

/** The supervisor replaces workers, so only its own end ends the service. */
function ofSupervisor(log: RoundLog): Expectation {
  if (lostSupervisor(log)) return down('the supervisor was killed, so its workers drain and exit')
  if (struck(log, 'terminate', log.firstPid).length > 0) return down('the supervisor got a shutdown signal')
  // The supervisor closes its listener when the program of its only worker does.
  const isClosed =
    log.plan.setup.workers === 1 && beforeStop(log).some((tracked) => closedByProgram(tracked) !== undefined)
  return isClosed ? { ...up, mayPause: true } : up
}

function ofGenerations(log: RoundLog): Expectation {
  const all = beforeStop(log)
  const stopped = all.find((tracked) => wasShutDown(tracked))
  if (stopped) {
    const because = `${stopped.pid} got a shutdown signal`
    // A process that was killed during its shutdown may not have reported it.
    return deathOf(log, stopped) ? either(because) : down(because)
  }
  for (const tracked of all) {
    const closed = closedByProgram(tracked)
    const death = closed ?? deathOf(log, tracked)
    if (death === undefined || all.some((other) => couldContinue(log, other, tracked, death))) continue
    const expected = either(`${tracked.pid} exited, and no other process could continue the service`)
    // Connections that moved there afterwards keep the process running, although it does not listen.
    return closed ? { ...expected, mayPause: true } : expected
  }
  return up
}

/** Whether the shutdown signal went to the owner of the service, not to a draining or unproven process. */
function wasShutDown({ facts }: ProcessFacts): boolean {
  let phase: Phase | undefined
  for (const fact of facts) {
    const following = phaseAfter(phase, fact)
    if (following === 'shutting-down' && (phase === 'serving' || phase === 'handing-over')) return true
    phase = following
  }
  return false
}

/** Whether `other` could continue the service when `dead` ended, without a fault of its own. */
function couldContinue(
  log: RoundLog,
  other: ProcessFacts,
  dead: ProcessFacts,
  { afterIndex, at }: Death,
): boolean {
  if (other.pid === dead.pid || faultsOf(log, other.pid).length > 0) return false
  const phase = phaseAt(other, afterIndex)
  // A process without a phase started later, as the successor of a running process.
  if (phase === undefined || phase === 'drained' || phase === 'shutting-down') return false
  // Facts arrive late, so only the report says exactly when the drain of a predecessor ended.
  const hadDrained = drainEnd(other) <= at + noticeMs
  const isPredecessor = other.generation === (dead.generation ?? 0) - 1
  if (phase !== 'handed-over') return !(isPredecessor && hadDrained)
  // A predecessor stands by for its own successor until that successor hands over.
  const handsOver = dead.facts.some(({ state, index }) => state === 'handing-over' && index <= afterIndex)
  return isPredecessor && !handsOver && !hadDrained
}

/** Returns when the drain of a predecessor ended, from its report. Until then it stands by. */
function drainEnd({ facts }: ProcessFacts): number {
  const report = facts.find(({ event }) => event === 'report')?.report as FinalReport | undefined
  if (!report?.reload) return Number.POSITIVE_INFINITY
  const { startedAt, phases } = report.reload
  return Date.parse(startedAt) + phases.reduce((sum, { ms }) => sum + ms, 0) + report.drain.ms
}
