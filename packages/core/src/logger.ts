import { escapeControls, escapeInLines, longestMessage, longestStack, shorten } from './client-text.js'
import { outliveOutput } from './platform.js'

/** What Handover needs of a logger: the three methods of pino, which Fastify's logger has too. */
export interface Logger {
  info(facts: object, message: string): void
  warn(facts: object, message: string): void
  error(facts: object, message: string): void
}

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

/** Says nothing. */
export const silent: Logger = { info() {}, warn() {}, error() {} }

/** Logs with the logger that `current` returns at that moment. */
export const currentLogger = (current: () => Logger): Logger => ({
  info: (facts, message) => current().info(facts, message),
  warn: (facts, message) => current().warn(facts, message),
  error: (facts, message) => current().error(facts, message),
})
