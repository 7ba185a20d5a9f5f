/** Waits with time limits. Each function clears its own timer, and exposes the limit as an `AbortSignal`. */

/** The longest delay of a Node timer. For a longer one, Node uses 1 ms. */
export const maxTimerMs = 2 ** 31 - 1

/** The abort reason of a signal whose time limit has passed. */
export class TimeoutError extends Error {
  constructor(readonly ms: number) {
    super(`timed out after ${ms} ms`)
  }
}

/** Runs `work` with a signal that aborts with {@link TimeoutError} after `ms`. */
export async function withTimeout<T>(ms: number, work: (limit: AbortSignal) => Promise<T>): Promise<T> {
  const controller = new AbortController()
  const timer = setTimeout(() => controller.abort(new TimeoutError(ms)), Math.min(ms, maxTimerMs))
  try {
    return await work(controller.signal)
  } finally {
    clearTimeout(timer)
  }
}

/** Settles like `promise`. If `signal` aborts first, rejects with its reason. */
export async function unlessAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  signal.throwIfAborted()
  let stop = () => {}
  const aborted = new Promise<never>((_, reject) => {
    stop = () => reject(signal.reason)
    signal.addEventListener('abort', stop, { once: true })
  })
  try {
    return await Promise.race([promise, aborted])
  } finally {
    signal.removeEventListener('abort', stop)
  }
}

/** Settles like `promise`. After `ms`, rejects with {@link TimeoutError}. */
export const timeout = <T>(ms: number, promise: Promise<T>): Promise<T> =>
  withTimeout(ms, (limit) => unlessAborted(promise, limit))

/** Resolves after `ms`, or when `signal` aborts. Never rejects. */
export async function pause(ms: number, signal: AbortSignal): Promise<void> {
  if (ms <= 0 || signal.aborted) return
  await withTimeout(ms, (limit) =>
    unlessAborted(new Promise<void>(() => {}), AbortSignal.any([limit, signal])),
  ).catch(() => {})
}

/** Resolves in the next turn of the event loop, after Node has read all data that is available now. */
export const nextTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))
