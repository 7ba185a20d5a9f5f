/** Text from outside, made fit for a report, a log or a terminal: short, on one line, without control characters. */
import type { IncomingMessage } from 'node:http'

/** The longest URL in a report. Query strings carry secrets, and are left out. */
const longestUrl = 200
/** Of the message of an error; its stack may be twice as long. */
export const longestMessage = 10_000
export const longestStack = 2 * longestMessage

/** What ends a line, moves a cursor, starts an escape sequence, or turns the direction of text around. */
const control = /[\p{Cc}\p{Zl}\p{Zp}\p{Bidi_Control}]/gu
const controlInLine = /(?![\n\t])[\p{Cc}\p{Zl}\p{Zp}\p{Bidi_Control}]/gu

const codePoint = (character: string): string => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`

/** On one line: a new line becomes `\u000a`. */
export const escapeControls = (text: string): string => text.replace(control, codePoint)

/** As {@link escapeControls}, but keeps the lines and the tabs of a stack. */
export const escapeInLines = (text: string): string => text.replace(controlInLine, codePoint)

export function shorten(text: string, longest: number): string {
  const left = text.length - longest
  return left <= 0 ? text : `${text.slice(0, longest)}… (${left} more characters)`
}

/** `GET /api/items`: a mounted Express router shortens `url`, and keeps `originalUrl`. */
export function requestInWords(request: IncomingMessage & { readonly originalUrl?: unknown }): string {
  const { method = '', url = '', originalUrl } = request
  const whole = typeof originalUrl === 'string' ? originalUrl : String(url)
  const [path = ''] = whole.split('?', 1)
  return escapeControls(`${method} ${shorten(path, longestUrl)}`)
}
