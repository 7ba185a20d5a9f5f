/** Waits with limits. Whoever starts a timer here also ends it; limits go on as `AbortSignal`s. */

/** The longest delay of a Node timer. Node changes a longer delay to 1 ms. */
export const longestMs = 2 ** 31 - 1

/** The reason of a signal whose time is over. */
export class LimitReached extends Error {
  constructor(readonly ms: number) {
    super(`not done after ${ms} ms`)
  }
}

/** Runs `work` with a signal that aborts with {@link LimitReached} after `ms`. */
export async function withLimit<T>(ms: number, work: (limit: AbortSignal) => Promise<T>): Promise<T> {
  const controller = new AbortController()
  const timer = setTimeout(() => controller.abort(new LimitReached(ms)), Math.min(ms, longestMs))
  try {
    return await work(controller.signal)
  } finally {
    clearTimeout(timer)
  }
}

/** What `promise` becomes, unless `signal` aborts first: then its reason is thrown. */
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

/** What `promise` becomes, if that takes no longer than `ms`; rejects with {@link LimitReached}. */
export const within = <T>(ms: number, promise: Promise<T>): Promise<T> =>
  withLimit(ms, (limit) => unlessAborted(promise, limit))

/** Resolves after `ms`, or when `signal` aborts. Never rejects. */
export async function pause(ms: number, signal: AbortSignal): Promise<void> {
  if (ms <= 0 || signal.aborted) return
  await withLimit(ms, (limit) =>
    unlessAborted(new Promise<void>(() => {}), AbortSignal.any([limit, signal])),
  ).catch(() => {})
}

/** One turn of the event loop: what is readable now has been read when it resolves. */
export const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))
