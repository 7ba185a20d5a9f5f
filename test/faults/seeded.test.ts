import { expect, test } from 'vitest'
import { drawPlan } from './plan.js'
import { Seeded } from './seeded.js'

const drawn = (seed: number, round: number) => {
  const random = new Seeded(seed, round)
  return Array.from({ length: 20 }, () => random.next())
}

test('the same seed and round draw the same numbers, and any other draws different numbers', () => {
  expect(drawn(7, 3)).toEqual(drawn(7, 3))
  const all = [drawn(7, 3), drawn(7, 4), drawn(8, 3), drawn(3, 7)].flat()
  expect(new Set(all).size).toBe(80)
})

test('numbers are spread evenly over neighboring rounds', () => {
  const firsts = Array.from({ length: 2_000 }, (_, round) => new Seeded(1, round).int(0, 9))
  for (let digit = 0; digit < 10; digit++) {
    const times = firsts.filter((each) => each === digit).length
    expect(times).toBeGreaterThan(140)
    expect(times).toBeLessThan(260)
  }
})

test('weights determine how often a key is picked', () => {
  const random = new Seeded(1, 1)
  const picked = Array.from({ length: 1_000 }, () => random.weighted({ often: 9, rarely: 1, never: 0 }))
  expect(picked).not.toContain('never')
  expect(picked.filter((each) => each === 'rarely').length).toBeGreaterThan(50)
  expect(picked.filter((each) => each === 'rarely').length).toBeLessThan(200)
})

test('a plan is pure data and reproducible', () => {
  const plan = drawPlan(7, 42)
  expect(JSON.parse(JSON.stringify(plan))).toEqual(plan)
  expect(drawPlan(7, 42)).toEqual(plan)
  expect(drawPlan(7, 43)).not.toEqual(plan)
})

test('a thousand rounds draw every setup, every fault and few long faults', () => {
  const plans = Array.from({ length: 1_000 }, (_, round) => drawPlan(1, round))
  const faults = plans.flatMap(({ reloads }) => reloads.flatMap((reload) => reload.faults))
  const names = new Set(faults.map((fault) => (fault.does === 'misbehave' ? fault.how : fault.does)))
  expect([...names].sort()).toEqual([
    'block',
    'break-channel',
    'close-server',
    'disconnect',
    'exit',
    'fill-folder',
    'hang-up',
    'kill',
    'limit-descriptors',
    'reject',
    'stop',
    'terminate',
    'throw',
  ])
  const setups = new Set(plans.map(({ setup }) => `${setup.runner} ${setup.workers} ${setup.address}`))
  expect(setups.size).toBe(6)
  const roles = new Set(faults.map((fault) => ('role' in fault ? fault.role : '')))
  expect([...roles].sort()).toEqual(['', 'predecessor', 'successor', 'supervisor', 'worker'])
  const long = faults.filter(
    (fault) => /^(stop|misbehave)$/.test(fault.does) && 'ms' in fault && fault.ms > 5_000,
  )
  expect(long.length).toBeGreaterThan(20)
  expect(long.length).toBeLessThan(120)
})
