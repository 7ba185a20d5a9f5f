/** Calls a function of the application that returns a value or a promise, with a time limit. */
export interface CallOutcome<T> {
  readonly done: (value: T) => void
  readonly failed: (error: unknown) => void
}

/** If `call` returns a value instead of a promise, reports the value before this function returns. */
export function callWithTimeout<T>(
  name: string,
  timeoutMs: number,
  call: () => T | Promise<T>,
  outcome: CallOutcome<T>,
): void {
  let result: T | Promise<T>
  try {
    result = call()
  } catch (error) {
    outcome.failed(error)
    return
  }
  if (!(result instanceof Promise)) {
    outcome.done(result)
    return
  }
  const timer = setTimeout(() => {
    outcome.failed(new Error(`${name} timed out after ${timeoutMs} ms`))
  }, timeoutMs)
  result.finally(() => clearTimeout(timer)).then(outcome.done, outcome.failed)
}
