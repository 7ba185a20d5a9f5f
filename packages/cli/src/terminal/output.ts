/** Standard output gets the outcome of a command; standard error gets its progress and errors. */
import type { ControlError } from '@handover/core/supervision'
import { exitCodes } from '../command-line/exit-codes.js'

export interface OutputOptions {
  readonly json?: boolean
}

/**
 * Characters that end a line, move the cursor, start an escape sequence, or reverse the text direction. Clients of a
 * service can put them into URLs and errors. Core has the same code, but loading core would be slow.
 */
const control = /[\p{Cc}\p{Zl}\p{Zp}\p{Bidi_Control}]/gu

export const escapeControls = (text: string): string =>
  text.replace(control, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`)

export function print(lines: readonly string[]): void {
  process.stdout.write(inLines(lines))
}

/** Prints lines on standard error. */
export function printToStderr(...lines: readonly string[]): void {
  process.stderr.write(inLines(lines))
}

/** Prints why a request failed, and the stack of the error that caused it. */
export function printFailure(what: string, { code, message, cause }: ControlError): void {
  printToStderr(`handover: ${what} (${code}): ${message}`, ...(cause?.stack?.split('\n') ?? []))
}

export function printJson(value: object, indent = 2): void {
  const text = JSON.stringify(value, undefined, indent)
  // Escapes, as JSON does, the characters that JSON.stringify leaves alone.
  process.stdout.write(`${text.split('\n').map(escapeControls).join('\n')}\n`)
}

const inLines = (lines: readonly string[]): string =>
  lines.map((line) => `${escapeControls(line)}\n`).join('')

/**
 * A reader that closes the pipe early, such as `head -1`, is not an error: the command continues and exits with its own
 * code. If the output cannot be written, the outcome is unknown to the caller.
 */
export function outliveReaders(): void {
  process.stderr.on('error', () => {})
  process.stdout.on('error', ({ code, message }: NodeJS.ErrnoException) => {
    if (code === 'EPIPE') return
    printToStderr(`handover: cannot write to standard output: ${message}`)
    process.exit(exitCodes.unknown)
  })
}
