// In every order of events between two generations, a running process serves and owns the service.
import { expect, test } from 'vitest'
import {
  type ClaimStep,
  type GrantStep,
  nextClaim,
  nextGrant,
} from '../../packages/core/src/succession/ownership.js'
import { explore } from './explorer.js'
import { movesOf, type Rules, real } from './rules.js'
import { started, type World, wrong } from './world.js'

/** More events than the longest order has. */
const depth = 60
const standalone: World['left'] = { kills: 2, stops: 2, terms: 1, faults: 1 }
/** Each message is relayed, so it is in transit twice. One more process can fail. */
const supervised: World['left'] = { kills: 2, stops: 1, terms: 1, faults: 1 }

const run = (rules: Rules, left = standalone) =>
  explore(
    {
      start: started(left === supervised, left),
      moves: (world) => movesOf(rules, world),
      wrong,
    },
    depth,
  )

test.each([
  ['two generations', standalone, 20_000],
  ['two workers and their supervisor', supervised, 100_000],
] as const)(
  'a living process of %s serves in every order of kills, stops, signals, late timers and closed channels',
  { timeout: 600_000 },
  (_, left, atLeast) => {
    const { trace, complete, states } = run(real, left)
    expect(trace?.join('\n')).toBeUndefined()
    expect(complete).toBe(true)
    expect(states).toBeGreaterThan(atLeast)
  },
)

/** Ownership in two steps: the successor owns the service as soon as it reads that it is proven, however late. */
const inTwoSteps: Rules = {
  ...real,
  nextGrant(grant, event): GrantStep | undefined {
    if (grant === 'kept' && event === 'outlived') return { grant: 'granted', send: 'own' }
    const step = nextGrant(grant, event)
    return step?.end ? { grant: 'taken-back', end: 'politely' } : step
  },
  nextClaim(claim, event): ClaimStep | undefined {
    if (claim === 'waiting' && event === 'own') return { claim: 'owner', send: 'took-over' }
    return nextClaim(claim, event)
  },
}

/** The predecessor stops a successor politely that may still read `own` at any time. */
const politeAfterOwn: Rules = {
  ...real,
  nextGrant(grant, event) {
    const step = nextGrant(grant, event)
    return step?.end ? { ...step, end: 'politely' } : step
  },
}

test.each<[string, Rules, string[]]>([
  [
    'a successor that resumes late owns the service at the same time as its predecessor',
    inTwoSteps,
    [
      'successor is ready',
      'predecessor reads ready',
      'the probation ends',
      'the successor times out',
      'successor reads own',
      'WRONG: two processes own the service',
    ],
  ],
  [
    'a successor that was granted the service gets a polite stop',
    politeAfterOwn,
    [
      'successor is ready',
      'predecessor reads ready',
      'the probation ends',
      'successor reads take-over',
      'predecessor reads can-take-over',
      'the successor times out',
      'successor reads own',
      'WRONG: two processes own the service',
    ],
  ],
  [
    'a closed channel counts as the exit of the predecessor',
    { ...real, infersFromChannel: true },
    [
      'successor closes its channel',
      'successor finds that its predecessor has exited',
      'WRONG: two processes own the service',
    ],
  ],
  [
    'a release that closed its server during its probation takes over',
    { ...real, looksAtServers: false },
    [
      'successor is ready',
      'successor closes its server',
      'predecessor reads ready',
      'the probation ends',
      'successor reads take-over',
      'predecessor reads can-take-over',
      'successor reads own',
      'predecessor reads took-over',
      'WRONG: no process accepts',
    ],
  ],
  [
    'the predecessor closes its listeners before the acknowledgment',
    { ...real, letsGoEarly: true },
    [
      'successor is ready',
      'predecessor reads ready',
      'the probation ends',
      'successor reads take-over',
      'predecessor reads can-take-over',
      'successor is killed',
      'WRONG: no process accepts',
    ],
  ],
])('the explorer finds the fault: %s', (_, rules, expected) => {
  const { trace } = run(rules)
  expect(trace?.length).toBe(expected.length)
  expect(trace?.at(-1)).toBe(expected.at(-1))
  expect([...(trace ?? [])].sort()).toEqual([...expected].sort())
})
