import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { warnOfZombies } from './zombies.js'

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

/** The zombies that each check finds, and the warnings. */
function watch(pid: number, ...found: number[][]) {
  const warnings: string[] = []
  const logger = { info() {}, warn: (_facts: object, text: string) => void warnings.push(text), error() {} }
  const stop = warnOfZombies({ pid, zombies: () => found.shift() ?? [], logger })
  return { warnings, stop }
}

test('PID 1 warns once of zombies that stay', () => {
  const { warnings } = watch(1, [7], [7, 8], [7, 8, 9], [7, 8, 9])
  vi.advanceTimersByTime(20_000)
  expect(warnings).toEqual([expect.stringMatching(/^1 zombie stays: as PID 1, .* docker run --init/)])
})

test('PID 1 does not warn of a worker that Node has not reaped yet', () => {
  const { warnings, stop } = watch(1, [7], [], [8])
  vi.advanceTimersByTime(20_000)
  stop()
  expect(warnings).toEqual([])
})

test('only PID 1 gets orphans', () => {
  const { warnings } = watch(2, [7], [7], [7])
  vi.advanceTimersByTime(20_000)
  expect(warnings).toEqual([])
})
