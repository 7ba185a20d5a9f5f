import type { DrainReport } from '@handover/core'
import { expect, test } from 'vitest'
import { count, duration, milliseconds, outcomes, quantity } from './format.js'

test('numbers, durations and quantities are formatted for people', () => {
  expect([count(7), count(24_123)]).toEqual(['7', '24,123'])
  expect([duration(312.4), duration(1_949)]).toEqual(['312 ms', '1.9 s'])
  expect([0.316, 4.12, 61.6, 1_934].map(milliseconds)).toEqual(['0.32 ms', '4.1 ms', '61.6 ms', '1,934 ms'])
  expect([0, 1, 1200].map((n) => quantity(n, 'request'))).toEqual([
    'no requests',
    'one request',
    '1,200 requests',
  ])
})

test('outcomes include moved and lost connections only if there are any', () => {
  const drain = { open: 1031, moved: 0, lost: 0, closed: 3, cut: [] } as unknown as DrainReport
  expect(outcomes(drain)).toBe('1,031 connections: 3 closed, 0 cut')
  expect(outcomes({ ...drain, moved: 1030, lost: 1 })).toBe(
    '1,031 connections: 1,030 moved, 3 closed, 0 cut, 1 lost',
  )
  expect(outcomes({ ...drain, open: 0 })).toBe('no connections')
})
