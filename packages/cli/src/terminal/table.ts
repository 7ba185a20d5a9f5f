/** Formats rows as a table without borders. */
import Table from 'cli-table3'
import { escapeControls } from './output.js'

export interface Column<Row> {
  readonly name: string
  readonly align: 'left' | 'right'
  readonly cell: (row: Row) => string | number | undefined
  /** The table drops the column with the lowest number first if it is too wide. */
  readonly dropAt?: number
}

const borders = [
  ...['top', 'top-mid', 'top-left', 'top-right', 'bottom', 'bottom-mid', 'bottom-left', 'bottom-right'],
  ...['left', 'left-mid', 'mid', 'mid-mid', 'right', 'right-mid'],
]
const chars = { ...Object.fromEntries(borders.map((name) => [name, ''])), middle: '  ' }
const style = { 'padding-left': 0, 'padding-right': 0, head: [], border: [] }

/** Returns the lines of a table of at most `width` characters if possible. Leaves out empty columns. */
export function formatTable<Row>(
  columns: readonly Column<Row>[],
  rows: readonly Row[],
  width: number,
): string[] {
  if (rows.length === 0) return []
  const shown = columns.filter(({ cell }) => rows.some((row) => cell(row) !== undefined))
  const table = new Table({
    head: shown.map(({ name }) => name),
    colAligns: shown.map(({ align }) => align),
    chars,
    style,
  })
  table.push(...rows.map((row) => shown.map(({ cell }) => escapeControls(String(cell(row) ?? '')))))
  const lines = table.toString().split('\n')
  const [first] = shown.filter((each) => each.dropAt !== undefined).sort((a, b) => order(a) - order(b))
  return first && lines.some((line) => line.length > width)
    ? formatTable(
        shown.filter((each) => each !== first),
        rows,
        width,
      )
    : lines.map((line) => line.trimEnd())
}

const order = ({ dropAt = 0 }: { dropAt?: number }): number => dropAt
