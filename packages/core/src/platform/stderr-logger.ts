import { escapeControls, escapeInLines, longestMessage, longestStack, shorten } from '../base/client-text.js'
import type { Logger } from '../base/logger.js'
import { outliveOutput } from './process.js'

/**
 * Lines on standard error: `handover[4711] generation 2 is ready`. One that is gone, with its terminal for one, must
 * not end a process that drains.
 */
export function lineLogger(pid: number): Logger {
  const line = (facts: object, message: string) => {
    const error = (facts as { err?: Error }).err
    outliveOutput('stderr')
    const stack = error?.stack ? `\n${escapeInLines(shorten(error.stack, longestStack))}` : ''
    console.error(`handover[${pid}] ${escapeControls(shorten(message, longestMessage))}${stack}`)
  }
  return { info: line, warn: line, error: line }
}
