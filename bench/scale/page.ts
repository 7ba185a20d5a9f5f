/** Writes the measured parts of docs/benchmarks.md, which stand between two comments each. */
import { median } from '../statistics.js'
import { markdown, thousands } from '../table.js'
import type { Point, ScaleResult } from './result.js'
import { type Section, sections } from './sections.js'

const part = (name: string) => new RegExp(`(<!-- ${name}: begin -->\n)[\\s\\S]*?(<!-- ${name}: end -->)`)

export function updated(page: string, result: ScaleResult): string {
  const withMachine = replace(page, 'machine', machineTable(result))
  return sections.reduce((text, section) => {
    const points = result.sections[section.name]
    return points ? replace(text, section.name, sectionText(section, points)) : text
  }, withMachine)
}

/** The median of a figure over the rounds. */
export function medians({ rounds }: Point): (figure: string) => number {
  return (figure) => median(rounds.map((round) => round[figure] ?? Number.NaN))
}

function replace(page: string, name: string, text: string): string {
  if (!part(name).test(page)) throw new Error(`docs/benchmarks.md has no part "${name}"`)
  return page.replace(part(name), (_, begin: string, end: string) => `${begin}\n${text}\n${end}`)
}

function machineTable({ date, machine, skipped }: ScaleResult): string {
  const rows = [
    ['date', date],
    ['Node', machine.node],
    ['system', machine.system],
    ['processor', `${machine.processor}, ${machine.cores} cores`],
    ['memory', `${machine.memoryGiB} GiB`],
    ['file descriptors per process', thousands(machine.descriptors)],
  ]
  const table = ['| machine | |', '|---|---|', ...rows.map(([name, value]) => `| ${name} | ${value} |`)]
  return [...table, ...skippedText(skipped)].join('\n')
}

function skippedText(skipped: readonly number[]): string[] {
  if (skipped.length === 0) return []
  return [
    '',
    `Not measured: ${skipped.map(thousands).join(' and ')} idle connections in one process. Each needs a file descriptor, ` +
      'and this machine does not allow so many. The largest size is what it allows.',
  ]
}

function sectionText(section: Section, points: readonly Point[]): string {
  const rounds = points[0]?.rounds.length ?? 0
  const table = markdown({
    title: section.title,
    note: `${section.note} Each figure is ${rounds === 1 ? 'that of one round' : `the median of ${rounds} rounds`}.`,
    columns: [section.axis, ...section.columns.map(({ title }) => title)],
    rows: points.map((point) => [
      thousands(point.size),
      ...section.columns.map(({ value, digits }) => format(value(medians(point), point.size), digits)),
    ]),
    checks: [],
  })
  const images = section.charts.map(({ name, title }) => `![${title}](benchmarks/${name}.svg)`)
  return `${table}\n${images.join('\n\n')}\n`
}

const format = (value: number, digits: number): string =>
  digits === 0 ? thousands(value) : value.toFixed(digits)
