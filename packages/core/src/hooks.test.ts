import { expect, test } from 'vitest'
import { Hooks } from './hooks.js'

const never = () => new Promise<never>(() => {})

function hooks(limitMs = 60_000) {
  const errors: string[] = []
  const logger = { info() {}, warn() {}, error: (_facts: object, text: string) => void errors.push(text) }
  return { hooks: new Hooks(limitMs, logger), errors }
}

test('beforeReady hooks run in order, one after the other, and the first failure ends them', async () => {
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

test('an onDrained hook that throws, rejects or hangs is logged by its number, and the next one runs', async () => {
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
  expect(await all.runDrained()).toBe(false)
  expect(ran).toBe(1)
  expect(errors).toEqual([
    'onDrained hook 1 failed: thrown',
    'onDrained hook 2 failed: rejected with a text',
    'onDrained hook 3 failed: onDrained hook 3 did not end within 5 ms; it is waited for no longer.',
  ])
})

test('onDrained hooks that end well, or none at all, are a clean end', async () => {
  const { hooks: all, errors } = hooks()
  expect(await all.runDrained()).toBe(true)
  all.drained.push(() => {})
  expect(await all.runDrained()).toBe(true)
  expect(errors).toEqual([])
})

test('a function with a limit: its value, its failure, or the limit with its length', async () => {
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
    message: 'provideState did not end within 5 ms; it is waited for no longer.',
  })
})

test('a program that provides no state provides undefined', () => {
  expect(hooks().hooks.state()).toBeUndefined()
})
