// Formats the reload reports, the result of the load and the verdict.
import type { ReloadReport } from '@handover/core'
import type { LoadResult } from '@handover/load'
import type { Outcome } from './demo.js'
import { count, duration, milliseconds, outcomes, quantity } from './format.js'
import type { Generation } from './generations.js'
import { liveLines } from './live-lines.js'
import type { Paint } from './paint.js'
import type { Deploy } from './stage.js'
import type { Verdict } from './verdict.js'

const indent = '   '

export function reportLines({ deploys, generations, load, live }: Outcome, paint: Paint): string[] {
  const last = generations.findLast(({ state }) => state !== 'failed')
  return [
    '',
    paint.bold('Reload reports'),
    ...deploys.flatMap((deploy) =>
      deploy.outcome === 'failed' ? failed(deploy, paint) : handedOver(deploy, paint),
    ),
    ...(last ? stopped(last) : []),
    '',
    paint.bold('Client results'),
    ...loadTable(load),
    ...liveLines(live),
  ]
}

export function verdictLines({ passed, findings }: Verdict, paint: Paint): string[] {
  const marked = findings.map(({ isGood, text }) => {
    const mark = isGood ? paint.green('ok  ') : paint.red('bad ')
    return ` ${mark}${text.replaceAll('\n', '\n     ')}`
  })
  const end = passed
    ? paint.green(paint.bold('PASSED: three deploys, one of them broken, and no client noticed.'))
    : paint.red(paint.bold('FAILED: see the findings above.'))
  return ['', paint.bold('Verdict'), ...marked, '', end]
}

function handedOver({ number, release, from, to }: Deploy, paint: Paint): string[] {
  const { finished } = from
  if (!finished) return [`deploy ${number}: generation ${from.number} sent no report`]
  const { drain, reload } = finished
  const times = [...phases(reload), `drain ${duration(drain.ms)}`]
  return [
    `deploy ${number}: release ${from.release} -> ${release}, ${paint.green('handed over')} from pid ${from.pid} to ${to?.pid}`,
    `${indent}${times.join(', ')}`,
    `${indent}${drained(from)}`,
  ]
}

function failed({ number, release, from, to }: Deploy, paint: Paint): string[] {
  const report = to?.failure
  const { code, cause, exitCode, lost = 0 } = report?.failure ?? {}
  const where = /^ +at .*?([^/]+\/[^/]+:\d+):\d+\)?$/m.exec(cause?.stack ?? '')?.[1]
  const how = exitCode == null ? '' : ` with code ${exitCode}`
  return [
    `deploy ${number}: release ${from.release} -> ${release}, ${paint.yellow('failed')}: generation ${from.number} kept serving`,
    `${indent}${[...phases(report), `then pid ${to?.pid ?? 'unknown'} ended${how}: ${code}`].join(', ')}`,
    ...(cause
      ? [`${indent}${paint.yellow(`${cause.name}: ${cause.message}`)}${where ? ` (${where})` : ''}`]
      : []),
    ...(lost > 0 ? [`${indent}${quantity(lost, 'connection')} lost`] : []),
  ]
}

function stopped(last: Generation): string[] {
  const { finished } = last
  return finished ? [`stop: drain ${duration(finished.drain.ms)}`, `${indent}${drained(last)}`] : []
}

function drained({ number, finished }: Generation): string {
  const { requests = 0, drain } = finished ?? {}
  if (!drain) return ''
  return `generation ${number}: ${count(requests)} requests; ${outcomes(drain)}`
}

function phases(report: ReloadReport | undefined): string[] {
  return (report?.phases ?? []).map(({ name, ms }) => `${name} ${duration(ms)}`)
}

function loadTable({ workloads, moved, closedByAnswer }: LoadResult): string[] {
  const head = ['clients', 'answered', 'failed', 'p50', 'p99', 'max']
  const rows = [...workloads].map(
    ([
      name,
      {
        requests,
        failed: n,
        latency: { p50, p99, max },
      },
    ]) => [name, count(requests), count(n), ...[p50, p99, max].map(milliseconds)],
  )
  return [
    ...table([head, ...rows]),
    `Connections moved to the next generation: ${count(moved)}. Connections closed by the server after a response: ${count(closedByAnswer)}.`,
  ]
}

/** Aligns the first column to the left and the others to the right. */
export function table(rows: readonly (readonly string[])[]): string[] {
  const widths = (rows[0] ?? []).map((_, i) => Math.max(...rows.map((row) => row[i]?.length ?? 0)))
  return rows.map((row) =>
    row.map((cell, i) => (i === 0 ? cell.padEnd(widths[i] ?? 0) : cell.padStart(widths[i] ?? 0))).join('   '),
  )
}
