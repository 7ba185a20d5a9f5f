import { expect, test } from 'vitest'
import { readLine } from './tellings.js'

const line = (fields: object) => JSON.stringify({ level: 30, pid: 11, msg: '', ...fields })

test('the first address that is listened on gives the port', () => {
  expect(readLine(line({ msg: 'Server listening at http://127.0.0.1:4711' }))).toEqual({
    kind: 'listening',
    port: 4711,
  })
  expect(readLine(line({ msg: 'Server listening at http://[::1]:4711' }))).toMatchObject({ port: 4711 })
})

test('a line of state tells the state, and what is open', () => {
  const connections = { total: 7 }
  const state = { state: 'draining', because: 'handed-over', generation: 1, connections }
  expect(readLine(line(state))).toEqual({
    kind: 'state',
    change: { state: 'draining', because: 'handed-over', generation: 1, pid: 11 },
    open: 7,
  })
  expect(readLine(line({ state: 'ready', onProbation: true, generation: 2, connections }))).toMatchObject({
    change: { state: 'ready', onProbation: true },
  })
})

test('what holds a drain is no change of state', () => {
  const activeWork = [{ kind: 'http1', what: 'GET /slow', ageMs: 900 }]
  const told = readLine(line({ state: 'draining', connections: { total: 1 }, activeWork }))
  expect(told).toEqual({ kind: 'waiting', pid: 11, open: 1, activeWork })
})

test('a failed reload is told from the last report of a generation', () => {
  const failed = { outcome: 'failed', generation: 1 }
  expect(readLine(line({ report: failed, err: {} }))).toEqual({ kind: 'reload-failed', report: failed })
  const final = { generation: 1, pid: 11, drain: { ms: 3 } }
  expect(readLine(line({ report: final }))).toEqual({ kind: 'finished', report: final })
})

test.each([
  ['a line of another kind', line({ msg: 'hello' })],
  ['a line that is no JSON', 'Error: no'],
  ['JSON of another kind', '[1]'],
  ['null', 'null'],
  ['half a line', '{"pid":1,"msg":"Server liste'],
])('%s tells nothing', (_, text) => {
  expect(readLine(text)).toBeUndefined()
})
