/** Whether the service must be there when the faults of a round are over. */
import {
  beforeStop,
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

export interface Expectation {
  /** `either`: no process was left that could have gone on with it, or the round cannot tell. */
  readonly service: 'up' | 'down' | 'either'
  readonly because: string
}

const up = { service: 'up', because: 'a process that no fault ended could go on with it' } as const
const either = (because: string): Expectation => ({ service: 'either', because })
const down = (because: string): Expectation => ({ service: 'down', because })

export const expectationOf = (log: RoundLog): Expectation =>
  isAlone(log) ? ofGenerations(log) : ofSupervisor(log)

/** Only the end of the supervisor ends the service: it replaces workers. */
function ofSupervisor(log: RoundLog): Expectation {
  if (lostSupervisor(log)) return down('the supervisor was killed: its workers drain and leave')
  if (struck(log, 'terminate', log.firstPid).length > 0) return down('the supervisor was told to shut down')
  return up
}

function ofGenerations(log: RoundLog): Expectation {
  const all = beforeStop(log)
  for (const told of all) {
    const shutdown = shutdownOf(told)
    if (shutdown === 'whole') return down(`${told.pid} was told to shut down`)
    if (shutdown === 'of a successor')
      return either(`${told.pid} was told to shut down right after its takeover`)
  }
  for (const told of all) {
    const death = closedByProgram(told) ?? deathOf(log, told)
    if (death === undefined || all.some((other) => couldGoOn(log, other, told, death))) continue
    return either(`${told.pid} has ended, and no process was left that could go on`)
  }
  return up
}

/** What a shutdown signal meant to it: the service, or no more than this process. */
function shutdownOf({ facts }: Told): 'whole' | 'of a successor' | undefined {
  let phase: Phase | undefined
  let wasSuccessor = false
  for (const fact of facts) {
    const following = phaseAfter(phase, fact)
    if (following === 'shutting-down') {
      if (phase === 'handing-over') return 'whole'
      if (phase === 'serving') return wasSuccessor ? 'of a successor' : 'whole'
    }
    wasSuccessor ||= following === 'probation'
    phase = following
  }
  return undefined
}

/** A program that closes its server when it is the service has ended the service itself. */
function closedByProgram({ facts }: Told): number | undefined {
  let phase: Phase | undefined
  for (const fact of facts) {
    if (fact.event === 'fault' && fact.how === 'close-server' && phase === 'serving') return fact.index
    phase = phaseAfter(phase, fact)
  }
  return undefined
}

/** Whether `other` was there to go on when `dead` ended, and no fault of its own kept it from it. */
function couldGoOn(log: RoundLog, other: Told, dead: Told, death: number): boolean {
  if (other.pid === dead.pid || faultsOf(log, other.pid).length > 0) return false
  const phase = phaseAt(other, death)
  // A process that starts later is a successor that somebody alive has started.
  if (phase === undefined || phase === 'drained' || phase === 'shutting-down') return false
  const isPredecessor = (other.generation ?? 0) < (dead.generation ?? Number.POSITIVE_INFINITY)
  // A successor that was running when its predecessor ended comes up by itself.
  return isPredecessor || phase !== 'handed-over'
}
