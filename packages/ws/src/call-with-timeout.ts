/** What the application is asked, at once or by a promise, and with a limit. */
export interface Outcome<T> {
  readonly done: (value: T) => void
  readonly failed: (error: unknown) => void
}

/** Asks; an answer that comes at once is told at once. */
export function callWithTimeout<T>(
  what: string,
  limitMs: number,
  work: () => T | Promise<T>,
  outcome: Outcome<T>,
): void {
  let answer: T | Promise<T>
  try {
    answer = work()
  } catch (error) {
    outcome.failed(error)
    return
  }
  if (!(answer instanceof Promise)) {
    outcome.done(answer)
    return
  }
  const timer = setTimeout(() => {
    outcome.failed(new Error(`${what} was not done after ${limitMs} ms`))
  }, limitMs)
  answer.finally(() => clearTimeout(timer)).then(outcome.done, outcome.failed)
}
