import { expect, test, vi } from 'vitest'
import { nextTurn, pause, TimeoutError, unlessAborted, withTimeout } from './timeouts.js'

const never = () => new Promise<never>(() => {})

test('what is done within its limit gives its result, and leaves no timer', async () => {
  const timers = vi.spyOn(globalThis, 'clearTimeout')
  expect(await withTimeout(60_000, async () => 'done')).toBe('done')
  await expect(withTimeout(60_000, () => Promise.reject(new Error('broken')))).rejects.toThrow('broken')
  expect(timers).toHaveBeenCalledTimes(2)
  timers.mockRestore()
})

test('what is not done within its limit is told so by its signal', async () => {
  const reason = await withTimeout(1, (limit) => unlessAborted(never(), limit)).catch(
    (error: unknown) => error,
  )
  expect(reason).toBeInstanceOf(TimeoutError)
  expect(reason).toMatchObject({ ms: 1, message: 'timed out after 1 ms' })
})

test('a promise is waited for until the signal aborts, with the reason of the signal', async () => {
  const controller = new AbortController()
  const waiting = unlessAborted(never(), controller.signal)
  controller.abort(new Error('enough'))
  await expect(waiting).rejects.toThrow('enough')
  await expect(unlessAborted(Promise.resolve('late'), controller.signal)).rejects.toThrow('enough')
})

test('a signal that outlives many waits keeps none of them', async () => {
  const { signal } = new AbortController()
  const added = vi.spyOn(signal, 'addEventListener')
  const removed = vi.spyOn(signal, 'removeEventListener')
  await unlessAborted(Promise.resolve(), signal)
  await unlessAborted(Promise.reject(new Error('broken')), signal).catch(() => {})
  expect(removed.mock.calls.map(([, listener]) => listener)).toEqual(
    added.mock.calls.map(([, listener]) => listener),
  )
})

test.each([
  ['its time is over', () => pause(1, new AbortController().signal)],
  ['its signal aborts', () => pausedThenAborted()],
  ['its signal has aborted', () => pause(60_000, AbortSignal.abort())],
  ['there is nothing to wait for', () => pause(0, new AbortController().signal)],
])('a pause ends without an error when %s', async (_, paused) => {
  await expect(paused()).resolves.toBeUndefined()
})

function pausedThenAborted(): Promise<void> {
  const controller = new AbortController()
  const paused = pause(60_000, controller.signal)
  controller.abort()
  return paused
}

test('a turn lets the event loop go round once', async () => {
  let came = false
  setImmediate(() => {
    came = true
  })
  await nextTurn()
  expect(came).toBe(true)
})
