import { expect, test } from 'vitest'
import { closestName } from './closest-name.js'
import { defaults } from './settings.js'

const names = [...Object.keys(defaults), 'logger']

test.each([
  ['drainTimeout', 'drainTimeoutMs'],
  ['readyTimeout', 'readyTimeoutMs'],
  ['linger', 'lingerMs'],
  ['probation', 'probationMs'],
  ['pidfile', 'pidFile'],
  ['PIDFILE', 'pidFile'],
  ['drain_timeout_ms', 'drainTimeoutMs'],
  ['reloadSignal', 'reloadSignals'],
  ['loger', 'logger'],
])('%s is close to %s', (mistyped, name) => {
  expect(closestName(mistyped, names)).toBe(name)
})

test.each(['port', 'timeout', 'toString', ''])('"%s" is close to no option', (mistyped) => {
  expect(closestName(mistyped, names)).toBeUndefined()
})

test('a very long name is close to no option', () => {
  expect(closestName('x'.repeat(100_000), names)).toBeUndefined()
})

test('the name with the fewest typos wins', () => {
  expect(closestName('reload', ['reloads', 'reload', 'reloadx'])).toBe('reload')
  expect(closestName('relods', ['reload', 'reloads'])).toBe('reloads')
})

test('without names, nothing is close', () => {
  expect(closestName('reload', [])).toBeUndefined()
})
