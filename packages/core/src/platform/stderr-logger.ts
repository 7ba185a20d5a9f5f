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
