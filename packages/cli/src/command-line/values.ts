/** What is written on the command line, as values. Each throws an `Error` that says what was expected. */
import { availableParallelism } from 'node:os'

const unitMs: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000 }
/** The longest time a timer of Node can take. */
const longestMs = 2 ** 31 - 1
const mostWorkers = 1_000

/** `500ms`, `60s` or `2m`. A bare number is refused: half of the world would mean seconds by it. */
export function milliseconds(text: string): number {
  const [, digits = '', unit = ''] = /^(\d{1,10})(ms|s|m)$/.exec(text) ?? []
  const ms = Number(digits) * (unitMs[unit] ?? Number.NaN)
  if (ms <= longestMs) return ms
  throw new Error('Expected a time with its unit, as 500ms, 60s or 2m.')
}

/** A number from 1 on, or `max`. */
export function workers(text: string): number {
  const count = text === 'max' ? availableParallelism() : /^\d{1,4}$/.test(text) ? Number(text) : 0
  if (count >= 1 && count <= mostWorkers) return count
  throw new Error(`Expected a number from 1 to ${mostWorkers}, or max.`)
}
