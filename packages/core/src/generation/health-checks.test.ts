import { expect, test } from 'vitest'
import type { HealthCheck } from '../base/settings.js'
import { HealthChecks } from './health-checks.js'

const facts = { state: 'ready', generation: 1 }

/** The readiness response with this check, with its body parsed if it is JSON. */
async function answerOf(check: HealthCheck['check'], { ready = true, timeoutMs = 60_000 } = {}) {
  const health = { path: '/readyz', timeoutMs, ...(check && { check }) }
  const checks = new HealthChecks({ readiness: health }, () => ({ ready, ...facts }))
  const { status, contentType, body } = await checks.answer('readiness')
  return [status, contentType.startsWith('application/json') ? JSON.parse(body) : body]
}

const down = () => {
  throw new Error('no database')
}

test.each<[string, HealthCheck['check'], number, unknown]>([
  ['nothing', () => undefined, 200, { status: 'ready', ...facts }],
  ['true', () => true, 200, { status: 'ready', ...facts }],
  ['false', async () => false, 503, { status: 'not ready', ...facts }],
  ['a value', () => ({ queue: 3 }), 200, { status: 'ready', ...facts, result: { queue: 3 } }],
  [
    'a custom status and a string',
    () => ({ status: 'up' }),
    200,
    { status: 'ready', ...facts, result: { status: 'up' } },
  ],
  ['an error', down, 503, { status: 'not ready', ...facts, error: 'no database' }],
  [
    'a rejection that is not an error',
    () => Promise.reject('no disk'),
    503,
    { status: 'not ready', ...facts, error: 'no disk' },
  ],
  ['a status', () => ({ status: 429 }), 429, { status: 'not ready', ...facts }],
  ['a body', () => ({ body: { db: 'up' } }), 200, { db: 'up' }],
  ['a status and a string', () => ({ status: 503, body: 'later' }), 503, 'later'],
  [
    'a value that JSON cannot represent',
    () => 1n,
    503,
    { status: 'not ready', ...facts, error: expect.stringContaining('BigInt') },
  ],
])('a check that returns %s', async (_, check, status, body) => {
  expect(await answerOf(check)).toEqual([status, body])
})

test('a check that hangs times out, and its signal aborts', async () => {
  let aborted = false
  const hang = (signal: AbortSignal) => {
    signal.addEventListener('abort', () => {
      aborted = true
    })
    return new Promise(() => {})
  }
  expect(await answerOf(hang, { timeoutMs: 5 })).toEqual([
    503,
    { status: 'not ready', ...facts, error: 'the check timed out after 5 ms' },
  ])
  expect(aborted).toBe(true)
})

test('the readiness check does not run before the generation is ready; the liveness check does', async () => {
  let runs = 0
  const check = () => ++runs > 0
  const both = { readiness: { path: '/readyz', check }, liveness: { path: '/livez', check } }
  const checks = new HealthChecks(both, () => ({ ready: false, ...facts }))
  expect(await checks.answer('readiness')).toMatchObject({ status: 503 })
  expect(runs).toBe(0)
  expect(await checks.answer('liveness')).toMatchObject({ status: 200 })
  expect(runs).toBe(1)
})

test('a generation that stops being ready during its check is not ready', async () => {
  let ready = true
  const check = () => {
    ready = false
  }
  const checks = new HealthChecks({ readiness: { path: '/readyz', check } }, () => ({ ready, ...facts }))
  expect((await checks.answer('readiness')).status).toBe(503)
})

test('concurrent probes share one run of the check, and the next probe starts another run', async () => {
  let runs = 0
  const check = async () => void runs++
  const checks = new HealthChecks({ readiness: { path: '/readyz', check } }, () => ({
    ready: true,
    ...facts,
  }))
  await Promise.all([checks.answer('readiness'), checks.answer('readiness')])
  expect(runs).toBe(1)
  await checks.answer('readiness')
  expect(runs).toBe(2)
})

test('a path belongs to readiness, to liveness or to neither', () => {
  const checks = new HealthChecks({ liveness: '/livez', readiness: { path: '/readyz' } }, () => ({
    ready: true,
    ...facts,
  }))
  expect(['/readyz', '/livez', '/', undefined].map((path) => checks.kindOf(path))).toEqual([
    'readiness',
    'liveness',
    undefined,
    undefined,
  ])
})
