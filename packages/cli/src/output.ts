/** What a command comes to is on standard output, how it goes on and errors are on standard error. */
import { exitCodes } from './exit-codes.js'

export interface SpokenOptions {
  readonly json?: boolean
}

/**
 * What ends a line, moves a cursor, starts an escape sequence, or turns the direction of text around. A service tells
 * of URLs and errors, in which its clients have a say. Core escapes URLs itself; loading it would take long.
 */
const control = /[\p{Cc}\p{Zl}\p{Zp}\p{Bidi_Control}]/gu

const escapeControls = (text: string): string =>
  text.replace(control, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`)

export function print(lines: readonly string[]): void {
  process.stdout.write(inLines(lines))
}

/** Lines on standard error. */
export function say(...lines: readonly string[]): void {
  process.stderr.write(inLines(lines))
}

export function printJson(value: object, indent = 2): void {
  const text = JSON.stringify(value, undefined, indent)
  // What JSON itself does not escape in a text, in escapes of JSON.
  process.stdout.write(`${text.split('\n').map(escapeControls).join('\n')}\n`)
}

const inLines = (lines: readonly string[]): string =>
  lines.map((line) => `${escapeControls(line)}\n`).join('')

/**
 * A reader that has left, as `head -1` does, is not an error: the command goes on, and ends with its own code. Where
 * the output cannot be written, nobody can tell what came of it.
 */
export function outliveReaders(): void {
  process.stderr.on('error', () => {})
  process.stdout.on('error', ({ code, message }: NodeJS.ErrnoException) => {
    if (code === 'EPIPE') return
    say(`handover: standard output cannot be written: ${message}`)
    process.exit(exitCodes.unknown)
  })
}
