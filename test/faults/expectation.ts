/** Whether the service must be there when the faults of a round are over. */
import type { FinalReport } from '@handover/core'
import {
  beforeStop,
  closedByProgram,
  type Death,
  deathOf,
  faultsOf,
  lostSupervisor,
  type Phase,
  phaseAfter,
  phaseAt,
  struck,
  type Told,
} from './processes-told.js'
import { isAlone, type RoundLog } from './round-log.js'

/** A predecessor notices the end of its successor within this time, also on a busy machine. */
const noticeMs = 250

export interface Expectation {
  /** `either`: no process was left that could have continued the service, or the round cannot tell. */
  readonly service: 'up' | 'down' | 'either'
  readonly because: string
  /** Nothing may have accepted for a while, although the service was there again at the end. */
  readonly mayPause?: boolean
}

const up = { service: 'up', because: 'a process that no fault ended could continue the service' } as const
const either = (because: string): Expectation => ({ service: 'either', because })
const down = (because: string): Expectation => ({ service: 'down', because })

export const expectationOf = (log: RoundLog): Expectation =>
  isAlone(log) ? ofGenerations(log) : ofSupervisor(log)

/** Only the end of the supervisor ends the service: it replaces workers. */
function ofSupervisor(log: RoundLog): Expectation {
  if (lostSupervisor(log)) return down('the supervisor was killed: its workers drain and leave')
  if (struck(log, 'terminate', log.firstPid).length > 0) return down('the supervisor got a shutdown signal')
  // It closes its listener when the program of its only worker does.
  const isClosed =
    log.plan.setup.workers === 1 && beforeStop(log).some((told) => closedByProgram(told) !== undefined)
  return isClosed ? { ...up, mayPause: true } : up
}

function ofGenerations(log: RoundLog): Expectation {
  const all = beforeStop(log)
  const stopped = all.find((told) => wasShutDown(told))
  if (stopped) {
    const because = `${stopped.pid} got a shutdown signal`
    // A process that was killed during that may not have reported it.
    return deathOf(log, stopped) ? either(because) : down(because)
  }
  for (const told of all) {
    const death = closedByProgram(told) ?? deathOf(log, told)
    if (death === undefined || all.some((other) => couldGoOn(log, other, told, death))) continue
    return either(`${told.pid} has ended, and no process was left that could continue`)
  }
  return up
}

/** The shutdown signal went to the owner of the service, not to a process that drains or is not proven. */
function wasShutDown({ facts }: Told): boolean {
  let phase: Phase | undefined
  for (const fact of facts) {
    const following = phaseAfter(phase, fact)
    if (following === 'shutting-down' && (phase === 'serving' || phase === 'handing-over')) return true
    phase = following
  }
  return false
}

/** Whether `other` could continue the service when `dead` ended, and no fault of its own prevented that. */
function couldGoOn(log: RoundLog, other: Told, dead: Told, { afterIndex, at }: Death): boolean {
  if (other.pid === dead.pid || faultsOf(log, other.pid).length > 0) return false
  const phase = phaseAt(other, afterIndex)
  // A process that starts later is the successor of a running one.
  if (phase === undefined || phase === 'drained' || phase === 'shutting-down') return false
  // A fact may be read after what it tells of: only its report says when a predecessor stopped standing by.
  const hadDrained = drainEnd(other) <= at + noticeMs
  const isPredecessor = other.generation === (dead.generation ?? 0) - 1
  if (phase !== 'handed-over') return !(isPredecessor && hadDrained)
  // It stands by for its own successor, until that hands over itself.
  const handsOver = dead.facts.some(({ state, index }) => state === 'handing-over' && index <= afterIndex)
  return isPredecessor && !handsOver && !hadDrained
}

/** A predecessor stands by while it drains. Returns when its drain ended, from its report. */
function drainEnd({ facts }: Told): number {
  const report = facts.find(({ event }) => event === 'report')?.report as FinalReport | undefined
  if (!report?.reload) return Number.POSITIVE_INFINITY
  const { startedAt, phases } = report.reload
  return Date.parse(startedAt) + phases.reduce((sum, { ms }) => sum + ms, 0) + report.drain.ms
}
