// A predecessor, its successor, the channels between them, the resources that both may own, and an optional supervisor.
import type { Drain } from '../../packages/core/src/generation/drain.js'
import type { LifecycleEvent, State } from '../../packages/core/src/generation/lifecycle.js'
import type { Claim, Grant } from '../../packages/core/src/succession/ownership.js'
import type { Successor } from '../../packages/core/src/succession/successor.js'

export type Message =
  | 'ready'
  | 'take-over'
  | 'can-take-over'
  | 'own'
  | 'took-over'
  | 'let-go'
  | 'taken-back'
  | 'stand-down'
  | 'predecessor-ended'

export interface Process {
  readonly alive: boolean
  /** Stopped by SIGSTOP or a blocked event loop: it does nothing until it continues. */
  readonly stopped: boolean
  readonly state: State
  /** It accepts connections, or will when it continues. */
  readonly serves: boolean
  /** SIGTERM has been sent to it. */
  readonly term: boolean
  /** The stop has a source other than its predecessor. */
  readonly asked: boolean
}

export interface World {
  readonly predecessor: Process & {
    readonly grant: Grant
    readonly heardReady: boolean
    /** It has given up on the successor, and waits for its exit. */
    readonly givesUp: boolean
    /** Its drain has ended: it cannot serve again. */
    readonly drained: boolean
  }
  readonly successor: Process & {
    readonly claim: Claim
    /** Its program has closed its server. */
    readonly closedServer: boolean
  }
  /** Absent if the predecessor starts its successor itself. */
  readonly supervisor?: { readonly alive: boolean; readonly stopped: boolean; readonly toldEnd: boolean }
  readonly channelOpen: boolean
  /** Messages in transit, in order of arrival. Under a supervisor, `from…` holds those that it has not relayed. */
  readonly toSuccessor: readonly Message[]
  readonly toPredecessor: readonly Message[]
  readonly fromPredecessor: readonly Message[]
  readonly fromSuccessor: readonly Message[]
  readonly socketFile: boolean
  readonly pidFile: 'predecessor' | 'successor' | 'none'
  /** A stop of the service was requested. */
  readonly shutdown: boolean
  /** The last process that could serve was killed. */
  readonly excused: boolean
  /** How many more faults of each kind may happen. */
  readonly left: {
    readonly kills: number
    readonly stops: number
    readonly terms: number
    readonly faults: number
  }
}

const nothing = {} as Drain & Successor

/** Arguments that a lifecycle event needs and the model does not. */
export const lifecycle = (event: LifecycleEvent['name'], onProbation = false): LifecycleEvent =>
  ({ name: event, onProbation, drain: nothing, successor: nothing, code: 0 }) as LifecycleEvent

/** The moment after a reload has started its successor. */
export function started(supervised: boolean, left: World['left']): World {
  const process = { alive: true, stopped: false, term: false, asked: false }
  return {
    predecessor: {
      ...process,
      state: { name: 'handing-over', successor: nothing },
      serves: true,
      grant: 'kept',
      heardReady: false,
      givesUp: false,
      drained: false,
    },
    successor: {
      ...process,
      state: { name: 'starting' },
      serves: false,
      claim: 'waiting',
      closedServer: false,
    },
    ...(supervised && { supervisor: { alive: true, stopped: false, toldEnd: false } }),
    channelOpen: true,
    toSuccessor: [],
    toPredecessor: [],
    fromPredecessor: [],
    fromSuccessor: [],
    socketFile: true,
    pidFile: 'predecessor',
    shutdown: false,
    excused: false,
    left,
  }
}

export const runs = ({ alive, stopped }: { readonly alive: boolean; readonly stopped: boolean }): boolean =>
  alive && !stopped

/** Whether it drains and would serve again if its successor exited. */
export const standsBy = ({ predecessor: { state, grant, drained }, supervisor }: World): boolean =>
  state.name === 'draining' && state.because === 'handed-over' && grant === 'given' && !drained && !supervisor

/** Whether it can still serve, whatever happens to the other process. */
export const canServe = {
  predecessor: (world: World): boolean => {
    const { alive, state, term } = world.predecessor
    return alive && !term && (state.name !== 'draining' || standsBy(world))
  },
  successor: ({ successor: { alive, term, claim, closedServer } }: World): boolean =>
    alive && !term && claim !== 'renounced' && !closedServer,
}

/** The rule that a world violates. */
export function wrong(world: World): string | undefined {
  const { predecessor, successor, supervisor, shutdown, excused, socketFile } = world
  if (shutdown || excused) return undefined
  // Without a predecessor it serves as soon as it is ready.
  const comesUp = !predecessor.alive && successor.state.name === 'starting' && canServe.successor(world)
  const comesBack = !successor.alive && predecessor.alive && standsBy(world)
  const serves = (process: Process) => process.alive && process.serves
  const accepts = serves(predecessor) || serves(successor) || comesUp || comesBack
  if (!accepts && !supervisor?.alive) return 'WRONG: no process accepts'
  if (!socketFile) return 'WRONG: the socket file is missing'
  const both = predecessor.alive && successor.alive && successor.claim === 'owner'
  if (both && !supervisor && !/^(granted|given|stood-down)$/.test(predecessor.grant))
    return 'WRONG: two processes own the service'
  if (isQuiet(world) && !supervisor && !namesServing(world))
    return 'WRONG: the PID file names no process that serves'
  return undefined
}

/** Whether only one process is left and has handled all messages. */
function isQuiet({ predecessor, successor, toPredecessor, toSuccessor }: World): boolean {
  const settled = (process: Process) => runs(process) && process.state.name === 'ready' && !process.term
  if (toPredecessor.length + toSuccessor.length > 0 || predecessor.alive === successor.alive) return false
  return predecessor.alive
    ? settled(predecessor) && !predecessor.givesUp
    : settled(successor) && successor.claim === 'owner'
}

function namesServing({ pidFile, predecessor, successor }: World): boolean {
  return pidFile === 'predecessor' ? predecessor.alive : pidFile === 'successor' && successor.alive
}
