import { expect, test, vi } from 'vitest'
import { nextTurn, pause, TimeoutError, unlessAborted, withTimeout } from './timeouts.js'

const never = () => new Promise<never>(() => {})

test('withTimeout returns a result within the limit and clears its timer', async () => {
  const timers = vi.spyOn(globalThis, 'clearTimeout')
  expect(await withTimeout(60_000, async () => 'done')).toBe('done')
  await expect(withTimeout(60_000, () => Promise.reject(new Error('broken')))).rejects.toThrow('broken')
  expect(timers).toHaveBeenCalledTimes(2)
  timers.mockRestore()
})

test('withTimeout aborts its signal with a TimeoutError at the limit', async () => {
  const reason = await withTimeout(1, (limit) => unlessAborted(never(), limit)).catch(
    (error: unknown) => error,
  )
  expect(reason).toBeInstanceOf(TimeoutError)
  expect(reason).toMatchObject({ ms: 1, message: 'timed out after 1 ms' })
})

test("unlessAborted rejects with the signal's reason when the signal aborts first", async () => {
  const controller = new AbortController()
  const waiting = unlessAborted(never(), controller.signal)
  controller.abort(new Error('enough'))
  await expect(waiting).rejects.toThrow('enough')
  await expect(unlessAborted(Promise.resolve('late'), controller.signal)).rejects.toThrow('enough')
})

test('unlessAborted leaves no listener on a signal', async () => {
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
  ['its time has passed', () => pause(1, new AbortController().signal)],
  ['its signal aborts', () => pausedThenAborted()],
  ['its signal has already aborted', () => pause(60_000, AbortSignal.abort())],
  ['its time is 0', () => pause(0, new AbortController().signal)],
])('a pause ends without an error when %s', async (_, paused) => {
  await expect(paused()).resolves.toBeUndefined()
})

function pausedThenAborted(): Promise<void> {
  const controller = new AbortController()
  const paused = pause(60_000, controller.signal)
  controller.abort()
  return paused
}

test('nextTurn waits for one turn of the event loop', async () => {
  let came = false
  setImmediate(() => {
    came = true
  })
  await nextTurn()
  expect(came).toBe(true)
})
