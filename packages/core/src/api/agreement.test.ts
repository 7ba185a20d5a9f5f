import { expect, test } from 'vitest'
import type { HandoverError } from '../base/errors.js'
import { type Logger, silent } from '../base/logger.js'
import { defaults, type GracefulOptions } from '../base/settings.js'
import { agree, contradictions } from './agreement.js'

const given: GracefulOptions = { probationMs: 5, health: { liveness: '/livez' }, pidFile: '/app.pid' }
const add = (raw: unknown) => agree(given, raw, silent, '/')

test('two registrations conflict when both set an option to different values', () => {
  const against = (raw: GracefulOptions) => contradictions(given, raw, '/')
  expect(against({})).toEqual([])
  expect(against({ probationMs: 5, health: { liveness: '/livez' }, pidFile: 'app.pid' })).toEqual([])
  expect(against({ probationMs: 6, health: { readiness: '/livez' } })).toEqual(['probationMs', 'health'])
  expect(against({ pidFile: 'other.pid', logger: false })).toEqual(['pidFile'])
  expect(contradictions({ control: '/tmp/app.sock' }, { control: 'app.sock' }, '/tmp')).toEqual([])
  expect(contradictions({ control: '/tmp/app.sock' }, { control: 'app.sock' }, '/')).toEqual(['control'])
})

test('C68: an option that no registration has set does not conflict, and a later registration sets it', () => {
  for (const [name, value] of Object.entries({ lingerMs: 1, ready: 'manual', reloadSignals: ['SIGUSR2'] })) {
    expect(add({ [name]: value }).settings).toEqual({
      ...defaults,
      ...given,
      logger: silent,
      [name]: value,
    })
  }
  // An explicit default does not conflict with an option that no registration has set.
  expect(add({ drainTimeoutMs: defaults.drainTimeoutMs }).given).toMatchObject({ drainTimeoutMs: 30_000 })
  expect(add(undefined).given).toEqual(given)
  expect(add({ probationMs: undefined }).given).toEqual(given)
})

test('C68: an explicit default counts as set', () => {
  const spelledOut = agree({}, { drainTimeoutMs: defaults.drainTimeoutMs }, silent, '/')
  expect(contradictions(spelledOut.given, { drainTimeoutMs: 1 }, '/')).toEqual(['drainTimeoutMs'])
})

test('the combined options of two registrations must be valid', () => {
  const error = () => agree({ shutdownSignals: ['SIGUSR2'] }, { reloadSignals: ['SIGUSR2'] }, silent, '/')
  expect(error).toThrow(expect.objectContaining<Partial<HandoverError>>({ code: 'ERR_HANDOVER_OPTION' }))
})

test('the first of two loggers applies, and a single logger applies from either registration', () => {
  const one: Logger = { info() {}, warn() {}, error() {} }
  const other: Logger = { info() {}, warn() {}, error() {} }
  expect(agree({ logger: one }, { logger: other }, silent, '/').settings.logger).toBe(one)
  expect(agree({}, { logger: other }, silent, '/').settings.logger).toBe(other)
})
