import {
  escapeControls,
  escapeInLines,
  maxMessageLength,
  maxStackLength,
  shorten,
} from '../base/client-text.js'
import type { Logger } from '../base/logger.js'
import { ignoreOutputErrors } from './process.js'

/**
 * Logs lines to standard error: `handover[4711] generation 2 is ready`. A closed standard error must not end a draining
 * process.
 */
export function lineLogger(pid: number): Logger {
  const line = (facts: object, message: string) => {
    const error = (facts as { err?: Error }).err
    ignoreOutputErrors('stderr')
    const stack = error?.stack ? `\n${escapeInLines(shorten(error.stack, maxStackLength))}` : ''
    console.error(`handover[${pid}] ${escapeControls(shorten(message, maxMessageLength))}${stack}`)
  }
  return { info: line, warn: line, error: line }
}

/**
 * Jest, vitest and every other program with Jest's `expect` set this in the process of a test file. A server that a test
 * starts in a process of its own still logs every line.
 */
const expectState = Symbol.for('$$jest-matchers-object')

/** The logger of a program that sets none. A test file gets only warnings and errors: its output is a report. */
export function defaultLogger(pid: number): Logger {
  return Object.hasOwn(globalThis, expectState) ? problemLogger(pid) : lineLogger(pid)
}

/** Logs warnings and errors only. */
export const problemLogger = (pid: number): Logger => ({ ...lineLogger(pid), info() {} })
