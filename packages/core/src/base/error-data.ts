/** Errors as data for other processes. */
import { inspect } from 'node:util'
import { maxMessageLength, maxStackLength, shorten } from './client-text.js'

/** An error for a message or a log line. Long texts are shortened. */
export interface ErrorData {
  readonly name: string
  readonly message: string
  readonly stack?: string
  readonly code?: string
}

export function errorData(thrown: unknown): ErrorData {
  if (!(thrown instanceof Error)) {
    const message = typeof thrown === 'string' ? thrown : inspect(thrown)
    return { name: 'Error', message: shorten(message, maxMessageLength) }
  }
  const { name, message, stack } = thrown
  const code = (thrown as NodeJS.ErrnoException).code
  return {
    name: String(name),
    message: shorten(String(message), maxMessageLength),
    ...(typeof stack === 'string' ? { stack: shorten(stack, maxStackLength) } : {}),
    ...(code === undefined ? {} : { code: String(code) }),
  }
}

/** Restores an error, with the stack of the process that threw it. */
export function errorFrom(data: ErrorData): Error {
  const error = new Error(data.message)
  return Object.assign(
    error,
    { name: data.name, stack: data.stack ?? `${data.name}: ${data.message}` },
    data.code === undefined ? {} : { code: data.code },
  )
}
