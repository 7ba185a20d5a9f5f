import { expect, test } from 'vitest'
import { servingOf } from './generations.js'

/** `'1 ready'` is the state event of generation 1, whose pid is 101. */
function serving(states: readonly string[], { dead = [] as number[] } = {}): number | undefined {
  const facts = states.map((told, index) => {
    const [generation = '', state = ''] = told.split(' ')
    return { index, event: 'state', pid: 100 + Number(generation), generation: Number(generation), state }
  })
  return servingOf(facts, (pid) => !dead.includes(pid - 100))?.generation
}

test('no generation serves before the first one is ready', () => {
  expect(serving(['1 starting'])).toBeUndefined()
})

test('the predecessor serves while its successor is on probation', () => {
  expect(serving(['1 ready', '1 handing-over', '2 ready'])).toBe(1)
})

test('the successor serves when its predecessor drains', () => {
  expect(serving(['1 ready', '1 handing-over', '2 ready', '1 draining'])).toBe(2)
})

test('the successor serves when its predecessor is dead', () => {
  expect(serving(['1 ready', '1 handing-over', '2 ready'], { dead: [1] })).toBe(2)
})

test('after a failed reload the predecessor keeps serving, and the next successor follows it', () => {
  const failed = ['1 ready', '1 handing-over', '2 ready', '1 ready']
  expect(serving(failed, { dead: [2] })).toBe(1)
  expect(serving([...failed, '1 handing-over', '3 ready', '1 draining'], { dead: [2] })).toBe(3)
})

test('the latest generation serves while two predecessors drain', () => {
  expect(serving(['1 ready', '2 ready', '1 draining', '3 ready', '2 draining'])).toBe(3)
})
