import { expect, test } from 'vitest'
import { Sequence } from './sequence.js'

/** The counts after these numbers. */
function counts(numbers: readonly number[], last = 0) {
  const sequence = new Sequence()
  for (const number of numbers) sequence.receive(number)
  sequence.end(last)
  const { received, lost, doubled, outOfOrder } = sequence
  return { received, lost, doubled, outOfOrder }
}

test.each<[string, number[], object]>([
  ['a complete sequence has no fault', [1, 2, 3], { received: 3, lost: 0, doubled: 0, outOfOrder: 0 }],
  ['a missing message is lost', [1, 3, 5], { received: 3, lost: 2, doubled: 0, outOfOrder: 0 }],
  ['a missing first message is lost', [2], { received: 1, lost: 1, doubled: 0, outOfOrder: 0 }],
  ['a repeated message is doubled', [1, 2, 2, 1], { received: 2, lost: 0, doubled: 2, outOfOrder: 0 }],
  ['a swapped message is out of order', [1, 3, 2, 4], { received: 4, lost: 0, doubled: 0, outOfOrder: 1 }],
  ['a late message that repeats is doubled', [2, 1, 1], { received: 2, lost: 0, doubled: 1, outOfOrder: 1 }],
])('%s', (_, numbers, expected) => {
  expect(counts(numbers)).toEqual(expected)
})

test('messages missing at the end are lost', () => {
  expect(counts([1, 2], 4)).toMatchObject({ received: 2, lost: 2 })
  expect(counts([1, 2], 2)).toMatchObject({ received: 2, lost: 0 })
})
