/** Derives the state of each process from the facts of a round. */
import type { Fact } from '../support/story.js'
import { type Act, isAlone, type RoundLog } from './round-log.js'

/** One process of the program, or the supervisor, which reports nothing. */
export interface Told {
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

/** Faults that end the process that they happen in. */
const fatal: readonly unknown[] = ['throw', 'exit', 'reject']

export function processesOf({ facts }: Pick<RoundLog, 'facts'>): Told[] {
  const pids = [...new Set(facts.map(({ pid }) => pid))]
  return pids.map((pid) => {
    const own = facts.filter((fact) => fact.pid === pid)
    return { pid, generation: own.find(({ generation }) => generation !== undefined)?.generation, facts: own }
  })
}

/** The same, before the round stops the service itself. */
export function beforeStop({ facts, stop }: RoundLog): Told[] {
  return processesOf({
    facts: facts.filter(({ index }) => index <= (stop?.afterIndex ?? Number.POSITIVE_INFINITY)),
  })
}

export type Death = Pick<Act, 'afterIndex' | 'at'>

/** What it was doing when the fact with that index had been told; `undefined` before its first fact. */
export function phaseAt({ facts }: Told, index: number): Phase | undefined {
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

/** When it ended by force. `afterIndex`: the last fact before that. */
export function deathOf(log: RoundLog, { pid, facts }: Told): Death | undefined {
  const killed = log.acts.find((act) => act.does === 'kill' && act.pid === pid)
  const failed = facts.find(({ event, how }) => event === 'fault' && fatal.includes(how))
  if (!failed || (killed && killed.afterIndex < failed.index)) return killed
  return { afterIndex: failed.index, at: Number(failed.at) }
}

/** A program that closes its server while it owns the service ends the service itself. */
export function closedByProgram({ facts }: Told): Death | undefined {
  let phase: Phase | undefined
  for (const fact of facts) {
    if (fact.event === 'fault' && fact.how === 'close-server' && phase === 'serving')
      return { afterIndex: fact.index, at: Number(fact.at) }
    phase = phaseAfter(phase, fact)
  }
  return undefined
}

/** Strikes on it, and its own fault. */
export function faultsOf(log: RoundLog, pid: number): string[] {
  const struck = log.acts.filter((act) => act.pid === pid).map(({ does }) => does)
  const own = log.facts
    .filter((fact) => fact.event === 'fault' && fact.pid === pid)
    .map(({ how }) => String(how))
  return [...struck, ...own]
}

export const struck = (log: RoundLog, does: Act['does'], pid?: number): Act[] =>
  log.acts.filter((act) => act.does === does && (pid === undefined || act.pid === pid))

/** Processes that a fault may have kept from handing over their connections, which then died with them. */
export function casualtiesOf(log: RoundLog): Told[] {
  const casualties = processesOf(log).filter((told) => {
    const harmless = new Set(['hang-up', 'terminate'])
    const hit = faultsOf(log, told.pid).some((fault) => !harmless.has(fault))
    // Node closes idle connections with their server.
    return (hit && !hasLeft(told)) || brokeChannel(told) || closedByProgram(told) !== undefined
  })
  return lostSupervisor(log) ? [...casualties, supervisorOf(log)] : casualties
}

/** It relays connections between generations. */
const supervisorOf = ({ firstPid }: RoundLog): Told => ({ pid: firstPid, generation: undefined, facts: [] })

/** It closed the private channel when connections were on their way to it. */
const brokeChannel = (told: Told): boolean =>
  told.facts.some(
    ({ event, how, index }) =>
      event === 'fault' && how === 'break-channel' && phaseAt(told, index) === 'serving',
  )

/** It drained and exited by itself. */
export const hasLeft = ({ facts }: Told): boolean =>
  facts.some(({ event, state }) => event === 'state' && state === 'exited')

export const hasShutDown = ({ facts }: Told): boolean =>
  facts.some(
    ({ event, state, because }) => event === 'state' && state === 'draining' && because === 'shutdown',
  )

/** The supervisor was ended by force. */
export const lostSupervisor = (log: RoundLog): boolean =>
  !isAlone(log) && struck(log, 'kill', log.firstPid).length > 0
