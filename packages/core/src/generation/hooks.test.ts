import { expect, test } from 'vitest'
import type { FinalReport } from '../base/report.js'
import { Hooks } from './hooks.js'

const never = () => new Promise<never>(() => {})
const uncut = new AbortController().signal
const leave = { reason: 'shutdown', signal: 'SIGTERM' } as const
const report = { generation: 3 } as unknown as FinalReport

function hooks(limitMs = 60_000) {
  const errors: string[] = []
  const logger = { info() {}, warn() {}, error: (_facts: object, text: string) => void errors.push(text) }
  return { hooks: new Hooks(() => limitMs, logger), errors }
}

test('beforeReady hooks run one after the other until the first failure', async () => {
  const { hooks: all } = hooks()
  const ran: string[] = []
  all.beforeReady.push(
    async () => {
      await Promise.resolve()
      ran.push('first')
    },
    () => ran.push('second'),
    () => Promise.reject(new Error('no database')),
    () => ran.push('too late'),
  )
  await expect(all.runBeforeReady()).rejects.toThrow('no database')
  expect(ran).toEqual(['first', 'second'])
})

test('a failure or timeout of an onDrained hook is logged with its number, and the next hook runs', async () => {
  const { hooks: all, errors } = hooks(5)
  let ran = 0
  all.drained.push(
    () => {
      throw new Error('thrown')
    },
    () => Promise.reject('rejected with a text'),
    never,
    () => ran++,
  )
  const failures = await all.runDrained(report, leave, uncut)
  expect(failures.map(({ hook, error }) => [hook, error.message, error.code])).toEqual([
    ['onDrained hook 1', 'thrown', undefined],
    ['onDrained hook 2', 'rejected with a text', undefined],
    [
      'onDrained hook 3',
      'onDrained hook 3 timed out after 5 ms; continuing without it.',
      'ERR_HANDOVER_HOOK_TIMEOUT',
    ],
  ])
  expect(ran).toBe(1)
  expect(errors).toEqual([
    'onDrained hook 1 failed: thrown',
    'onDrained hook 2 failed: rejected with a text',
    'onDrained hook 3 failed: onDrained hook 3 timed out after 5 ms; continuing without it.',
  ])
})

test('onDrained hooks report no failure if all succeed or none exists', async () => {
  const { hooks: all, errors } = hooks()
  expect(await all.runDrained(report, leave, uncut)).toEqual([])
  all.drained.push(() => {})
  expect(await all.runDrained(report, leave, uncut)).toEqual([])
  expect(errors).toEqual([])
})

test('onDrained hooks get the report, and both kinds of drain hooks get the reason and the signal', async () => {
  const { hooks: all } = hooks()
  const got: unknown[] = []
  all.beforeDrain.push((...args) => got.push(args))
  all.drained.push((...args) => got.push(args))
  await all.runBeforeDrain(leave, uncut)
  await all.runDrained(report, leave, uncut)
  expect(got).toEqual([[leave], [report, leave]])
})

test('C67: after a second signal the shutdown stops waiting for hooks and skips the remaining hooks', async () => {
  const { hooks: all, errors } = hooks()
  const cut = new AbortController()
  let ran = 0
  all.beforeDrain.push(
    () => {
      setImmediate(() => cut.abort())
      return never()
    },
    () => ran++,
  )
  const failures = await all.runBeforeDrain(leave, cut.signal)
  expect(failures.map(({ hook }) => hook)).toEqual(['beforeDrain hook 1', 'beforeDrain hook 2'])
  expect(ran).toBe(0)
  expect(errors).toEqual([
    'beforeDrain hook 1 failed: beforeDrain hook 1 did not end before a second signal cut the shutdown short; continuing without it.',
    'beforeDrain hook 2 failed: beforeDrain hook 2 did not run before a second signal cut the shutdown short; continuing without it.',
  ])
})

test('a limited function returns its value, its failure or a timeout error with the limit', async () => {
  const { hooks: all } = hooks(5)
  expect(await all.limited(() => 'value', 'provideState')).toBe('value')
  expect(await all.limited(async () => 'later', 'provideState')).toBe('later')
  const broken = () => {
    throw new TypeError('broken')
  }
  await expect(all.limited(broken, 'provideState')).rejects.toThrow(TypeError)
  await expect(all.limited(never, 'provideState')).rejects.toMatchObject({
    code: 'ERR_HANDOVER_HOOK_TIMEOUT',
    hookTimeoutMs: 5,
    message: 'provideState timed out after 5 ms',
  })
})

test('the state is undefined if the program provides none', () => {
  expect(hooks().hooks.state()).toBeUndefined()
})
