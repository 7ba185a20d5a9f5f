import { expect, test } from 'vitest'
import { readLine } from './log-lines.js'

const line = (fields: object) => JSON.stringify({ level: 30, pid: 11, msg: '', ...fields })

test('the line about the first address contains the port', () => {
  expect(readLine(line({ msg: 'Server listening at http://127.0.0.1:4711' }))).toEqual({
    kind: 'listening',
    port: 4711,
  })
  expect(readLine(line({ msg: 'Server listening at http://[::1]:4711' }))).toMatchObject({ port: 4711 })
})

test('a state line contains the state and the open connections', () => {
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

test('a line about the requests that hold a drain does not change the state', () => {
  const activeWork = [{ kind: 'http1', what: 'GET /slow', ageMs: 900 }]
  const told = readLine(line({ state: 'draining', connections: { total: 1 }, activeWork }))
  expect(told).toEqual({ kind: 'waiting', pid: 11, open: 1, activeWork })
})

test('a report without a drain is a failed reload, and a report with a drain is final', () => {
  const failed = { outcome: 'failed', generation: 1 }
  expect(readLine(line({ report: failed, err: {} }))).toEqual({ kind: 'reload-failed', report: failed })
  const final = { generation: 1, pid: 11, drain: { ms: 3 } }
  expect(readLine(line({ report: final }))).toEqual({ kind: 'finished', report: final })
})

test.each([
  ['a line of another kind', line({ msg: 'hello' })],
  ['a line that is not JSON', 'Error: no'],
  ['JSON of another kind', '[1]'],
  ['null', 'null'],
  ['half a line', '{"pid":1,"msg":"Server liste'],
])('%s is ignored', (_, text) => {
  expect(readLine(text)).toBeUndefined()
})
