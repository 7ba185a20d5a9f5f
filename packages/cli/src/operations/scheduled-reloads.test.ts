import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { scheduleReloads } from './scheduled-reloads.js'

const mebibyte = 2 ** 20

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

/** Workers with this much memory, in MiB by pid, and the reloads that were requested. */
function schedule(memory: Record<number, number>, options: Parameters<typeof scheduleReloads>[0]) {
  const reasons: string[] = []
  const stop = scheduleReloads(options, {
    pids: () => Object.keys(memory).map(Number),
    memoryOf: (pid) => (memory[pid] === undefined ? undefined : memory[pid] * mebibyte),
    request: (reason) => void reasons.push(reason),
  })
  return { reasons, stop }
}

test('a worker above the limit requests one reload a minute', () => {
  const memory: Record<number, number> = { 1: 90, 2: 100 }
  const { reasons, stop } = schedule(memory, { maxMemory: 100 * mebibyte })
  vi.advanceTimersByTime(10_000)
  expect(reasons).toEqual([])
  memory[2] = 120
  vi.advanceTimersByTime(1_000)
  expect(reasons).toEqual(['worker 2 uses 120 MiB, more than 100 MiB'])
  vi.advanceTimersByTime(59_000)
  expect(reasons).toHaveLength(1)
  vi.advanceTimersByTime(1_000)
  expect(reasons).toHaveLength(2)
  stop()
  vi.advanceTimersByTime(120_000)
  expect(reasons).toHaveLength(2)
})

test('an interval requests a reload each time it has passed', () => {
  const { reasons, stop } = schedule({}, { reloadEvery: 86_400_000 })
  vi.advanceTimersByTime(3 * 86_400_000)
  expect(reasons).toEqual(Array(3).fill('--reload-every'))
  stop()
})
