import type { FinalReport, ReloadReport, StateChange } from '@handover/core'
import { expect, test } from 'vitest'
import { Generations } from './generations.js'

/** `tell('1 ready')` reports a state with pid 101 for generation 1; `tell('2 ready', 111)` sets the pid. */
function line(release = '1.0.0') {
  let now = 0
  const generations = new Generations(release, () => ++now)
  const tell = (text: string, pid = 0, open = 0) => {
    const [number = '', state = '', more = ''] = text.split(' ')
    const generation = Number(number)
    const change = {
      generation,
      pid: pid || 100 + generation,
      state: state as StateChange['state'],
      ...(more === 'probation' && { onProbation: true as const }),
    }
    generations.update({ kind: 'state', change, open })
  }
  return { generations, tell, states: () => generations.all.map(({ number, state }) => `${number} ${state}`) }
}

const failed = (generation: number, pid: number | undefined) =>
  ({ outcome: 'failed', successor: { generation, pid } }) as ReloadReport

test('a successor is listed when its predecessor starts to hand over, and gets its pid when it is ready', () => {
  const { generations, tell, states } = line()
  tell('1 ready')
  generations.deploy('2.0.0')
  tell('1 handing-over')
  expect(states()).toEqual(['1 handing-over', '2 starting'])
  expect(generations.all[1]).not.toHaveProperty('pid')
  tell('2 ready probation')
  expect(generations.all[1]).toMatchObject({ pid: 102, state: 'ready', onProbation: true })
  expect(generations.all).toHaveLength(2)
})

test('the predecessor serves until its successor is proven', () => {
  const { generations, tell } = line()
  expect(generations.serving).toBeUndefined()
  tell('1 ready')
  tell('1 handing-over')
  tell('2 ready probation')
  expect(generations.serving?.number).toBe(1)
  tell('2 ready')
  tell('1 draining')
  expect(generations.serving?.number).toBe(2)
})

test.each([
  ['with a pid', 109],
  ['that could not be started', undefined],
])('after a successor %s has failed, the next one has the same number and its own entry', (_, pid) => {
  const { generations, tell, states } = line()
  tell('1 ready')
  generations.deploy('2.0.0')
  tell('1 handing-over')
  generations.update({ kind: 'reload-failed', report: failed(2, pid) })
  tell('1 ready')
  expect(generations.serving?.number).toBe(1)
  generations.deploy('3.0.0')
  tell('1 handing-over')
  tell('2 ready probation')
  expect(states()).toEqual(['1 handing-over', '2 failed', '2 ready'])
  expect(generations.all.map(({ release }) => release)).toEqual(['1.0.0', '2.0.0', '3.0.0'])
  expect(generations.all[1]?.pid).toBe(pid)
})

test('a drain shows the connections at its start, the requests that hold it and its report', () => {
  const { generations, tell } = line()
  tell('1 ready')
  tell('1 draining', 0, 12)
  const activeWork = [{ kind: 'http1' as const, what: 'GET /slow', ageMs: 5 }]
  generations.update({ kind: 'waiting', pid: 101, open: 3, activeWork })
  const report = { generation: 1, pid: 101 } as FinalReport
  generations.update({ kind: 'finished', report })
  expect(generations.all).toMatchObject([{ openAtDrain: 12, waitsFor: ['GET /slow'], finished: report }])
})

test('repeating a state does not change its start time', () => {
  const { generations, tell } = line()
  tell('1 ready probation')
  const { since } = generations.all[0] ?? {}
  tell('1 ready')
  expect(generations.all[0]?.since).toBe(since)
})
