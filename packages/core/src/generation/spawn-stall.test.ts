import { expect, test } from 'vitest'
import { SpawnStall } from './spawn-stall.js'

const large = 3072

/** A process with so much memory, in which each spawn takes the next time of `stalls`. */
function process(memoryMiB: number, ...stalls: number[]) {
  const logged: unknown[][] = []
  const blocked: number[] = []
  let now = 0
  const log = (...line: unknown[]) => void logged.push(line)
  const stall = new SpawnStall({
    logger: { info: log, warn: log, error: log },
    platform: { now: () => now, usage: () => ({ cpuMs: 0, memoryBytes: memoryMiB * 1024 ** 2 }) },
  })
  const spawn = (result = 'child') => {
    now += stalls.shift() ?? 0
    if (result === 'fails') throw new Error(result)
    return result
  }
  return {
    logged,
    blocked,
    spawn: (result?: string) =>
      stall.measure(
        () => spawn(result),
        (ms) => blocked.push(ms),
      ),
  }
}

test('reports how long the spawn took, in whole milliseconds', () => {
  const { spawn, blocked } = process(large, 12.4, 75.6)
  expect([spawn(), spawn()]).toEqual(['child', 'child'])
  expect(blocked).toEqual([12, 76])
})

test('reports how long a spawn took that fails', () => {
  const { spawn, blocked } = process(large, 9)
  expect(() => spawn('fails')).toThrow('fails')
  expect(blocked).toEqual([9])
})

test('logs the first stall of more than 50 ms with the memory of the process and what helps', () => {
  const { spawn, logged } = process(large, 50, 51, 90)
  spawn()
  expect(logged).toEqual([])
  spawn()
  spawn()
  expect(logged).toEqual([
    [
      { spawnMs: 51, memoryMiB: 3072 },
      'starting the successor blocked the event loop for 51 ms, because this process uses 3072 MiB of memory. Under ' +
        'handover run the small supervisor starts successors, and the server does not block',
    ],
  ])
})

test('does not blame the memory of a small process', () => {
  const { spawn, logged, blocked } = process(255, 90)
  spawn()
  expect([logged, blocked]).toEqual([[], [90]])
})
