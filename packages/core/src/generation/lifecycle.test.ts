import { expect, test } from 'vitest'
import type { Successor } from '../succession/successor.js'
import type { Drain } from './drain.js'
import { type LifecycleEvent, next, type State } from './lifecycle.js'

// Only the identity of these objects matters: each belongs to the state that holds it.
const drain = { is: 'the drain' } as unknown as Drain
const another = { is: 'another drain' } as unknown as Drain
const successor = { is: 'the successor' } as unknown as Successor

const states = {
  starting: { name: 'starting' },
  'on probation': { name: 'ready', onProbation: true },
  ready: { name: 'ready', onProbation: false },
  'handing over': { name: 'handing-over', successor },
  'handed over': { name: 'draining', because: 'handed-over', drain },
  'shutting down': { name: 'draining', because: 'shutdown', drain },
  exited: { name: 'exited', code: 0 },
} satisfies Record<string, State>

const events = {
  'ready as a successor': { name: 'ready', onProbation: true },
  'ready as the first': { name: 'ready', onProbation: false },
  proven: { name: 'proven' },
  'successor started': { name: 'successor-started', successor },
  'successor failed': { name: 'successor-failed' },
  'successor lost': { name: 'successor-lost' },
  'successor proven': { name: 'successor-proven', drain },
  shutdown: { name: 'shutdown', drain: another },
  drained: { name: 'drained', code: 1 },
} satisfies Record<string, LifecycleEvent>

/** Every transition; all other events change nothing. */
const meanings: Record<keyof typeof states, Partial<Record<keyof typeof events, State>>> = {
  starting: {
    'ready as a successor': states['on probation'],
    'ready as the first': states.ready,
    shutdown: { name: 'draining', because: 'shutdown', drain: another },
  },
  'on probation': {
    proven: states.ready,
    shutdown: { name: 'draining', because: 'shutdown', drain: another },
  },
  ready: {
    'successor started': states['handing over'],
    shutdown: { name: 'draining', because: 'shutdown', drain: another },
  },
  'handing over': {
    'successor failed': states.ready,
    'successor proven': states['handed over'],
    shutdown: { name: 'draining', because: 'shutdown', drain: another },
  },
  'handed over': {
    // The current drain continues, but no longer waits for the successor.
    shutdown: { name: 'draining', because: 'shutdown', drain },
    'successor lost': states.ready,
    drained: { name: 'exited', code: 1 },
  },
  'shutting down': { drained: { name: 'exited', code: 1 } },
  exited: {},
}

const pairs = Object.keys(states).flatMap((state) =>
  Object.keys(events).map((event) => [state as keyof typeof states, event as keyof typeof events] as const),
)

test.each(pairs)('%s, then %s', (state, event) => {
  const before = structuredClone(states[state])
  expect(next(states[state], events[event])).toEqual(meanings[state][event])
  expect(states[state]).toEqual(before)
})

test('exited is final, and only a drain leads to it', () => {
  for (const [state, event] of pairs) {
    const after = next(states[state], events[event])
    if (after?.name === 'exited') expect(states[state].name).toBe('draining')
    if (state === 'exited') expect(after).toBeUndefined()
  }
})
