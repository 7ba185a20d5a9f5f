/** Reads values from the command line. Each function throws an `Error` that names the expected format. */
import { availableParallelism } from 'node:os'
import { maxWorkers } from '@handover/core/supervision'

const unitMs: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 }
/** The longest timeout that Node supports. */
const maxTimerMs = 2 ** 31 - 1

/** Parses `500ms`, `60s`, `2m` or `24h`. Refuses a number without a unit, because many people would mean seconds. */
export function milliseconds(text: string): number {
  const [, digits = '', unit = ''] = /^(\d{1,10})(ms|s|m|h)$/.exec(text) ?? []
  const ms = Number(digits) * (unitMs[unit] ?? Number.NaN)
  if (ms <= maxTimerMs) return ms
  throw new Error('Expected a time with its unit, such as 500ms, 60s or 2m.')
}

/** Parses `500M` or `2G` to bytes. */
export function bytes(text: string): number {
  const [, digits = '', unit = ''] = /^([1-9]\d{0,5})([MG])$/.exec(text) ?? []
  if (unit) return Number(digits) * (unit === 'G' ? 2 ** 30 : 2 ** 20)
  throw new Error('Expected an amount of memory with its unit, such as 500M or 2G.')
}

/** Parses a number of at least 1, or `max`. */
export function workers(text: string): number {
  const count = text === 'max' ? availableParallelism() : /^\d{1,4}$/.test(text) ? Number(text) : 0
  if (count >= 1 && count <= maxWorkers) return count
  throw new Error(`Expected a number from 1 to ${maxWorkers}, or max.`)
}

/** Adds the path to those of earlier uses of the option. An unset variable of a shell leads to an empty path. */
export function paths(text: string, earlier: readonly string[] = []): readonly string[] {
  if (text !== '') return [...earlier, text]
  throw new Error('Expected a path.')
}
