/**
 * `npm run bench:scale` measures reloads of large services. It writes bench/results/scale.json, and from it the charts
 * and tables of docs/benchmarks.md. `--only`, `--sizes` and `--rounds` limit the run, `--out` writes only the JSON to
 * another file, and `--draw` measures nothing and draws the stored result.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { pack } from '../packed.js'
import { stopAll } from '../service.js'
import { drawings } from './charts.js'
import { machine, possible } from './machine.js'
import { measurements } from './measure.js'
import { updated } from './page.js'
import type { Figures, Point, ScaleResult, SectionName } from './result.js'
import { type Section, sections } from './sections.js'

const { values } = parseArgs({
  options: {
    only: { type: 'string' },
    sizes: { type: 'string' },
    rounds: { type: 'string' },
    out: { type: 'string' },
    draw: { type: 'boolean', default: false },
  },
})

const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url))
const stored = here('../../results/scale.json')
const page = here('../../../docs/benchmarks.md')
const pictures = here('../../../docs/benchmarks/')

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => process.exit(1))
process.once('exit', stopAll)

const startedAt = performance.now()
if (!values.draw) write(values.out ?? stored, `${JSON.stringify(await measure(), undefined, 2)}\n`)
if (values.out === undefined) draw(JSON.parse(readFileSync(stored, 'utf8')))
process.exit()

async function measure(): Promise<ScaleResult> {
  const chosen = chosenSections()
  log('packing')
  pack()
  const facts = machine()
  const results: Partial<Record<SectionName, readonly Point[]>> = {}
  const left: number[] = []
  for (const section of chosen) {
    const wanted = values.sizes?.split(',').map(Number) ?? section.sizes
    const { sizes, skipped } = possible(wanted, facts.descriptors)
    left.push(...skipped)
    if (skipped.length > 0)
      log(`${section.name}: leaving out ${skipped.join(', ')}: a process may have ${facts.descriptors} files`)
    results[section.name] = await measureSection(section, sizes)
  }
  log('done')
  return { date: new Date().toISOString().slice(0, 10), machine: facts, skipped: left, sections: results }
}

async function measureSection({ name, rounds }: Section, sizes: readonly number[]): Promise<Point[]> {
  const found = sizes.map((size) => ({ size, rounds: [] as Figures[] }))
  for (let round = 0; round < Number(values.rounds ?? rounds); round++) {
    for (const point of found) {
      log(`${name}: ${point.size}`)
      point.rounds.push(rounded(await measurements[name](point.size)))
    }
  }
  return found
}

function chosenSections(): readonly Section[] {
  const names = values.only?.split(',')
  const unknown = names?.filter((name) => !sections.some((section) => section.name === name)) ?? []
  if (unknown.length > 0) throw new Error(`unknown section: ${unknown.join(', ')}`)
  if (names && values.out === undefined)
    throw new Error('--only needs --out, because the page shows all sections')
  return sections.filter(({ name }) => names?.includes(name) ?? true)
}

function rounded(figures: Figures): Figures {
  const entries = Object.entries(figures)
  return Object.fromEntries(entries.map(([name, value]) => [name, Math.round(value * 100) / 100]))
}

function draw(result: ScaleResult): void {
  for (const { name, svg } of drawings(result)) write(`${pictures}${name}.svg`, svg)
  writeFileSync(page, updated(readFileSync(page, 'utf8'), result))
}

function write(file: string, text: string): void {
  mkdirSync(dirname(file), { recursive: true })
  writeFileSync(file, text)
}

/** Logs progress to standard error. */
function log(what: string): void {
  console.error(`${((performance.now() - startedAt) / 1000).toFixed(0).padStart(4)} s  ${what}`)
}
