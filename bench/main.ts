/**
 * `npm run bench` measures what Handover costs, as ratios within one run, and writes bench/RESULTS.md. The exit code is
 * 1 if a required figure is missed. `--quick` only checks that it runs, `--out <file>` writes to another file, and
 * `--json <file>` also writes the tables as JSON.
 */
import { execFileSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { type Cores, chooseCores } from './cores.js'
import { drainTable, measureDrains } from './drain.js'
import { measureReloads, reloadsTable } from './memory.js'
import { loadedTable, measureMoving, movingTable } from './moving.js'
import { pack } from './packed.js'
import { measurePeerReloads, peerReloadsTable } from './peers/reloads.js'
import { measurePeers, peersTable } from './peers/throughput.js'
import { full, type Plan, quick } from './plan.js'
import { stopAll } from './service.js'
import { measureStarts, startTable } from './startup.js'
import { type Check, markdown, missed, type Table } from './table.js'
import { measureTails, tailsTable } from './tails.js'
import { measureSteadyState, memoryTable, throughputTable } from './throughput.js'

const { values } = parseArgs({
  options: { quick: { type: 'boolean', default: false }, out: { type: 'string' }, json: { type: 'string' } },
})

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => process.exit(1))
process.once('exit', stopAll)

const plan = values.quick ? quick : full
const cores = chooseCores()
const startedAt = performance.now()
const tables = await measureAll(plan, cores)
const checks = tables.flatMap((table) => table.checks)
const report = [header(plan, cores), ...tables.map(markdown), verdict(checks)].join('\n')
writeFileSync(values.out ?? fileURLToPath(new URL('../RESULTS.md', import.meta.url)), report)
if (values.json) writeFileSync(values.json, `${JSON.stringify(tables, undefined, 2)}\n`)
console.log(report)
process.exitCode = missed(checks, 'must').length > 0 && !values.quick ? 1 : 0

async function measureAll(plan: Plan, cores: Cores): Promise<Table[]> {
  log('packing')
  pack()
  log('starts and reloads')
  const starts = startTable(await measureStarts(plan), plan)
  log('drains')
  const drains = drainTable(await measureDrains(plan), plan)
  log('moving connections')
  const moving = await measureMoving(plan)
  log('latency during a reload')
  const tails = tailsTable(await measureTails(plan), plan)
  log('memory over many reloads')
  const reloads = reloadsTable(await measureReloads(plan, cores), plan)
  log('steady throughput')
  const steady = await measureSteadyState(plan, cores)
  log('other process managers')
  const peers = peersTable(await measurePeers(plan, cores), plan)
  const peerReloads = peerReloadsTable(await measurePeerReloads(plan), plan)
  log('done')
  return [
    throughputTable(steady, plan),
    starts,
    drains,
    movingTable(moving, plan),
    loadedTable(moving, plan),
    tails,
    memoryTable(steady),
    reloads,
    peers,
    peerReloads,
  ]
}

/** Logs progress to standard error, because only the report goes to standard output. */
function log(what: string): void {
  console.error(`${((performance.now() - startedAt) / 1000).toFixed(0).padStart(4)} s  ${what}`)
}

function header(plan: Plan, { server, load }: Cores): string {
  const where =
    server === undefined ? 'not pinned to cores' : `server on core ${server}, load on core ${load}`
  return [
    '# What Handover costs',
    '',
    'Written by `npm run bench` (bench/README.md). Ratios hold within one run; absolute figures depend on the machine.',
    ...(plan === quick
      ? ['', '**A quick run: it only shows that the benchmark works. The figures are meaningless.**']
      : []),
    '',
    `- Node ${process.version}, ${process.platform} ${process.arch}, ${availableParallelism()} cores; for throughput ${where}`,
    `- ${new Date().toISOString().slice(0, 10)}, commit ${commit()}`,
    '',
  ].join('\n')
}

function verdict(checks: readonly Check[]): string {
  const lines = (['must', 'goal'] as const).flatMap((kind) =>
    missed(checks, kind).map((what) => `- missed ${kind}: ${what}`),
  )
  return ['## Verdict', '', ...(lines.length === 0 ? ['Every goal is met.'] : lines), ''].join('\n')
}

function commit(): string {
  const git = (...args: string[]) =>
    execFileSync('git', args, { encoding: 'utf8', cwd: import.meta.dirname }).trim()
  try {
    return (
      git('rev-parse', '--short', 'HEAD') +
      (git('status', '--porcelain', '--untracked-files=no') ? ' with changes' : '')
    )
  } catch {
    return 'unknown'
  }
}
