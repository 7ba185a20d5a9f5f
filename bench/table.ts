/** The results of a part, and their Markdown. */
import { type Summary, summary } from './statistics.js'

/** A check of a required figure or of a goal. */
export interface Check {
  readonly kind: 'must' | 'goal'
  readonly what: string
  readonly met: boolean
}

export interface Table {
  readonly title: string
  /** How the figures were measured. */
  readonly note: string
  readonly columns: readonly string[]
  readonly rows: readonly (readonly string[])[]
  readonly checks: readonly Check[]
}

export function markdown({ title, note, columns, rows }: Table): string {
  const widths = columns.map((_, i) =>
    Math.max(3, ...[columns, ...rows].map((cells) => cells[i]?.length ?? 0)),
  )
  const padded = (cells: readonly string[]) =>
    cells.map((cell, i) => (i === 0 ? cell.padEnd(widths[i] ?? 0) : cell.padStart(widths[i] ?? 0)))
  const ruler = widths.map((width, i) => (i === 0 ? '-'.repeat(width) : `${'-'.repeat(width - 1)}:`))
  const lines = [padded(columns), ruler, ...rows.map(padded)].map((cells) => `| ${cells.join(' | ')} |`)
  return `## ${title}\n\n${note}\n\n${lines.join('\n')}\n`
}

export function missed(checks: readonly Check[], kind: Check['kind']): string[] {
  return checks.filter((check) => check.kind === kind && !check.met).map(({ what }) => what)
}

/** Formats the median and the quartiles, such as `0.993 (0.990 to 0.997)`. */
export function spread(values: readonly number[], digits: number): string {
  const { median, lower, upper }: Summary = summary(values)
  return `${median.toFixed(digits)} (${lower.toFixed(digits)} to ${upper.toFixed(digits)})`
}

export const thousands = (value: number): string =>
  Math.round(value).toLocaleString('en').replaceAll(',', ' ')
