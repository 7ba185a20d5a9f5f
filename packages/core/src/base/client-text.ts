/** Makes untrusted text safe for reports, logs and terminals: short, on one line, without control characters. */
import type { IncomingMessage } from 'node:http'

/** The longest URL in a report. Reports omit query strings, which may carry secrets. */
const maxUrlLength = 200
/** The longest error message. A stack may be twice as long. */
export const maxMessageLength = 10_000
export const maxStackLength = 2 * maxMessageLength

/** Characters that end a line, move the cursor, start an escape sequence, or reverse the text direction. */
const control = /[\p{Cc}\p{Zl}\p{Zp}\p{Bidi_Control}]/gu
const controlInLine = /(?![\n\t])[\p{Cc}\p{Zl}\p{Zp}\p{Bidi_Control}]/gu

const codePoint = (character: string): string => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`

/** Escapes control characters, so the text stays on one line: a newline becomes `\u000a`. */
export const escapeControls = (text: string): string => text.replace(control, codePoint)

/** Like {@link escapeControls}, but keeps the newlines and tabs of a stack. */
export const escapeInLines = (text: string): string => text.replace(controlInLine, codePoint)

export function shorten(text: string, longest: number): string {
  const left = text.length - longest
  return left <= 0 ? text : `${text.slice(0, longest)}… (${left} more characters)`
}

/** `GET /api/items`. A mounted Express router shortens `url`, and keeps the complete URL in `originalUrl`. */
export function formatRequest(request: IncomingMessage & { readonly originalUrl?: unknown }): string {
  const { method = '', url = '', originalUrl } = request
  const whole = typeof originalUrl === 'string' ? originalUrl : String(url)
  const [path = ''] = whole.split('?', 1)
  return escapeControls(`${method} ${shorten(path, maxUrlLength)}`)
}
