/** Derives the states of each process from the facts of a round. */
import type { Fact } from '../support/story.js'
import { type Act, isAlone, type RoundLog } from './round-log.js'

/** One process of the program with its facts, or the supervisor, which reports none. */
export interface ProcessFacts {
  readonly pid: number
  readonly generation: number | undefined
  readonly facts: readonly Fact[]
}

export type Phase =
  | 'starting'
  | 'probation'
  | 'serving'
  | 'handing-over'
  | 'handed-over'
  | 'shutting-down'
  | 'drained'

/** Faults that end their own process. */
const fatal: readonly unknown[] = ['throw', 'exit', 'reject']

export function processesOf({ facts }: Pick<RoundLog, 'facts'>): ProcessFacts[] {
  const pids = [...new Set(facts.map(({ pid }) => pid))]
  return pids.map((pid) => {
    const own = facts.filter((fact) => fact.pid === pid)
    return { pid, generation: own.find(({ generation }) => generation !== undefined)?.generation, facts: own }
  })
}

/** The processes with their facts from before the round stops the service. */
export function beforeStop({ facts, stop }: RoundLog): ProcessFacts[] {
  return processesOf({
    facts: facts.filter(({ index }) => index <= (stop?.afterIndex ?? Number.POSITIVE_INFINITY)),
  })
}

export type Death = Pick<Act, 'afterIndex' | 'at'>

/** The phase of a process after the fact with this index, or undefined before its first fact. */
export function phaseAt({ facts }: ProcessFacts, index: number): Phase | undefined {
  let phase: Phase | undefined
  for (const fact of facts) {
    if (fact.index > index) break
    phase = phaseAfter(phase, fact)
  }
  return phase
}

export function phaseAfter(phase: Phase | undefined, fact: Fact): Phase | undefined {
  if (fact.event === 'started') return 'starting'
  if (fact.event === 'report') return 'drained'
  if (fact.event !== 'state') return phase
  if (fact.state === 'ready') return fact.onProbation ? 'probation' : 'serving'
  if (fact.state === 'handing-over') return 'handing-over'
  if (fact.state === 'exited') return 'drained'
  if (fact.state !== 'draining') return phase
  // A predecessor that gets SIGTERM is still a predecessor.
  return fact.because === 'handed-over' || phase === 'handed-over' ? 'handed-over' : 'shutting-down'
}

/** When a process was killed or failed. `afterIndex` is the last fact before that. */
export function deathOf(log: RoundLog, { pid, facts }: ProcessFacts): Death | undefined {
  const killed = log.acts.find((act) => act.does === 'kill' && act.pid === pid)
  const failed = facts.find(({ event, how }) => event === 'fault' && fatal.includes(how))
  if (!failed || (killed && killed.afterIndex < failed.index)) return killed
  return { afterIndex: failed.index, at: Number(failed.at) }
}

/** When a program closed its server while it owned the service, which ends the service. */
export function closedByProgram({ facts }: ProcessFacts): Death | undefined {
  let phase: Phase | undefined
  for (const fact of facts) {
    if (fact.event === 'fault' && fact.how === 'close-server' && phase === 'serving')
      return { afterIndex: fact.index, at: Number(fact.at) }
    phase = phaseAfter(phase, fact)
  }
  return undefined
}

/** The strikes on a process and its own faults. */
export function faultsOf(log: RoundLog, pid: number): string[] {
  const struck = log.acts.filter((act) => act.pid === pid).map(({ does }) => does)
  const own = log.facts
    .filter((fact) => fact.event === 'fault' && fact.pid === pid)
    .map(({ how }) => String(how))
  return [...struck, ...own]
}

export const struck = (log: RoundLog, does: Act['does'], pid?: number): Act[] =>
  log.acts.filter((act) => act.does === does && (pid === undefined || act.pid === pid))

/** Processes that may have lost their connections because of a fault. */
export function casualtiesOf(log: RoundLog): ProcessFacts[] {
  const casualties = processesOf(log).filter((tracked) => {
    const harmless = new Set(['hang-up', 'terminate'])
    const hit = faultsOf(log, tracked.pid).some((fault) => !harmless.has(fault))
    // Node closes idle connections with their server.
    return (hit && !hasLeft(tracked)) || brokeChannel(tracked) || closedByProgram(tracked) !== undefined
  })
  return lostSupervisor(log) ? [...casualties, supervisorOf(log)] : casualties
}

/** The supervisor, which relays connections between generations. */
const supervisorOf = ({ firstPid }: RoundLog): ProcessFacts => ({
  pid: firstPid,
  generation: undefined,
  facts: [],
})

/** Whether a process closed its private channel while connections were in transit to it. */
const brokeChannel = (tracked: ProcessFacts): boolean =>
  tracked.facts.some(
    ({ event, how, index }) =>
      event === 'fault' && how === 'break-channel' && phaseAt(tracked, index) === 'serving',
  )

/** Whether a process exited after a drain. */
export const hasLeft = ({ facts }: ProcessFacts): boolean =>
  facts.some(({ event, state }) => event === 'state' && state === 'exited')

export const hasShutDown = ({ facts }: ProcessFacts): boolean =>
  facts.some(
    ({ event, state, because }) => event === 'state' && state === 'draining' && because === 'shutdown',
  )

/** Whether the supervisor was killed. */
export const lostSupervisor = (log: RoundLog): boolean =>
  !isAlone(log) && struck(log, 'kill', log.firstPid).length > 0
