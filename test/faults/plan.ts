/** Draws the plan of a round from its seed. A plan is pure data, so that a failing round can be replayed. */
import { Seeded } from './seeded.js'

export interface Setup {
  /** `alone` is one process of the program; `run` is `handover run` with `workers` workers. */
  readonly runner: 'alone' | 'run'
  readonly workers: number
  readonly address: 'tcp' | 'unix'
  readonly probationMs: number
  readonly clients: {
    readonly keepAlive: number
    readonly newConnections: number
    readonly slow: number
    /** How long each slow request takes. A drain waits for it. */
    readonly slowMs: number
    /** Connections that send one request and then stay silent. */
    readonly idle: number
  }
}

/** The role of the process that a fault hits, resolved when the fault happens. */
export type Role = 'predecessor' | 'successor' | 'supervisor' | 'worker'

/** The fact that a fault waits for before its delay. Only facts after the reload request count. */
export type Moment =
  | 'requested'
  | 'started'
  | 'listening'
  | 'probation'
  | 'proven'
  | 'handed-over'
  | 'drained'

/** A fault from outside the processes. */
export type Strike =
  | { readonly does: 'kill' | 'terminate'; readonly role: Role }
  | { readonly does: 'stop'; readonly role: Role; readonly ms: number }
  | { readonly does: 'hang-up'; readonly role: Role; readonly times: number }
  | { readonly does: 'limit-descriptors'; readonly role: Role; readonly spare: number; readonly ms: number }
  | { readonly does: 'fill-folder'; readonly ms: number }

/** A fault in the program of the next process: see test/fixtures/faulty.mjs. */
export interface Misbehavior {
  readonly does: 'misbehave'
  readonly how: 'throw' | 'exit' | 'reject' | 'block' | 'close-server' | 'disconnect' | 'break-channel'
  readonly at: 'start' | 'listening' | 'probation' | 'proven'
  readonly delayMs: number
  /** How long `block` blocks the event loop. */
  readonly ms: number
}

export type Fault = (Strike & { readonly after: Moment; readonly delayMs: number }) | Misbehavior

export interface ReloadPlan {
  readonly by: 'signal' | 'command'
  readonly faults: readonly Fault[]
}

export interface Plan {
  readonly seed: number
  readonly round: number
  readonly setup: Setup
  readonly reloads: readonly ReloadPlan[]
  /** How the round stops a service that is up. */
  readonly end: 'signal' | 'command'
}

/** The limit of a takeover in packages/core. Some rounds delay a successor for longer. */
const takeOverMs = 5_000
const longestDelayMs = 400

export function drawPlan(seed: number, round: number): Plan {
  const random = new Seeded(seed, round)
  const setup = drawSetup(random)
  const reloads = random.int(1, 3)
  const struck = random.int(0, reloads - 1)
  // A second fault hits the same reload or the next one.
  const second = random.chance(0.4) ? Math.min(reloads - 1, struck + random.int(0, 1)) : undefined
  return {
    seed,
    round,
    setup,
    reloads: Array.from({ length: reloads }, (_, n) => ({
      by: random.pick(['signal', 'command']),
      faults: [struck, second].filter((at) => at === n).map(() => drawFault(random, setup)),
    })),
    end: random.pick(['signal', 'command']),
  }
}

function drawSetup(random: Seeded): Setup {
  const workers = random.weighted({ '0': 5, '1': 2, '2': 3 })
  return {
    runner: workers === '0' ? 'alone' : 'run',
    workers: Math.max(1, Number(workers)),
    address: random.pick(['tcp', 'unix']),
    probationMs: random.pick([50, 200, 400]),
    clients: {
      keepAlive: random.int(1, 3),
      newConnections: random.int(1, 2),
      slow: random.int(0, 1),
      slowMs: random.pick([300, 1_500]),
      idle: random.int(0, 6),
    },
  }
}

function drawFault(random: Seeded, { runner }: Setup): Fault {
  if (random.chance(0.35)) return drawMisbehavior(random)
  const roles =
    runner === 'alone'
      ? { predecessor: 1, successor: 1 }
      : { predecessor: 2, successor: 2, worker: 1, supervisor: 1 }
  const role = random.weighted<Role>(roles as Record<Role, number>)
  const strike = drawStrike(random, role)
  // Half of the faults happen almost without a delay.
  const delayMs = random.chance(0.5) ? random.int(0, 5) : random.int(5, longestDelayMs)
  if (isLong(strike) && random.chance(0.5)) return { ...strike, after: 'probation', delayMs }
  const after = random.pick<Moment>([
    'requested',
    'started',
    'listening',
    'probation',
    'proven',
    'handed-over',
    'drained',
  ])
  return { ...strike, after, delayMs }
}

function drawStrike(random: Seeded, role: Role): Strike {
  const kinds = { kill: 4, stop: 4, terminate: 2, 'hang-up': 2, 'limit-descriptors': 2, 'fill-folder': 1 }
  const does = random.weighted(kinds)
  switch (does) {
    case 'stop':
      return { does, role, ms: holdUpMs(random) }
    case 'hang-up':
      return { does, role, times: random.pick([1, 2, 20]) }
    case 'limit-descriptors':
      return { does, role, spare: random.int(0, 4), ms: random.int(200, 1_500) }
    case 'fill-folder':
      return { does, ms: random.int(200, 1_500) }
    default:
      return { does, role }
  }
}

function drawMisbehavior(random: Seeded): Misbehavior {
  const at = random.pick<Misbehavior['at']>(['start', 'listening', 'probation', 'proven'])
  const how = random.pick<Misbehavior['how']>([
    'throw',
    'exit',
    'reject',
    'block',
    'disconnect',
    'break-channel',
    ...(at === 'probation' ? (['close-server', 'close-server'] as const) : []),
  ])
  const delayMs = random.chance(0.5) ? 0 : random.int(1, 150)
  return { does: 'misbehave', how, at, delayMs, ms: holdUpMs(random) }
}

const isLong = (strike: Strike): boolean => strike.does === 'stop' && strike.ms > takeOverMs

/** Rarely longer than the limit of a takeover, because such rounds take long. */
const holdUpMs = (random: Seeded): number =>
  random.chance(0.1) ? takeOverMs + random.int(200, 2_000) : random.int(50, 1_200)
