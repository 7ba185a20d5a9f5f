/** Formats reports for people. */
import {
  type ActiveWork,
  type DrainReport,
  formatOutcomes,
  type ReloadResult,
  type ReloadSummary,
  type ScaleSummary,
} from '@handover/core/supervision'

/** Formats a duration, such as `212 ms`, `1.3 s`, `2 min 5 s`, `3 h 4 min` or `2 d 3 h`. */
export function formatDuration(ms: number): string {
  if (ms < 1_000) return `${Math.round(ms)} ms`
  if (ms < 59_950) return `${(ms / 1_000).toFixed(1).replace(/\.0$/, '')} s`
  const minutes = Math.floor(ms / 60_000)
  if (minutes < 60) return parts(minutes, 'min', Math.floor((ms % 60_000) / 1_000), 's')
  const hours = Math.floor(minutes / 60)
  if (hours < 24) return parts(hours, 'h', minutes % 60, 'min')
  return parts(Math.floor(hours / 24), 'd', hours % 24, 'h')
}

const parts = (most: number, unit: string, rest: number, smaller: string) =>
  `${most} ${unit}${rest > 0 ? ` ${rest} ${smaller}` : ''}`

export const formatCount = (number: number, what: string): string =>
  `${number} ${what}${number === 1 ? '' : 's'}`

/** The pid of a successor that the supervisor starts is unknown at first. */
export const formatProcess = ({
  generation,
  pid,
}: {
  generation: number
  pid?: number | undefined
}): string => `generation ${generation}${pid === undefined ? '' : ` (pid ${pid})`}`

export const formatWork = ({ kind, what, ageMs }: ActiveWork): string =>
  `${what} (${kind}, ${formatDuration(ageMs)})`

/** Returns the outcome of a drain, and a line for each connection that was cut. */
export function formatDrain(of: { generation: number; pid: number }, drain: DrainReport): string[] {
  return [
    `${formatProcess(of)} drained in ${formatDuration(drain.ms)}: ${formatOutcomes(drain)}`,
    ...drain.cut.map((each) => `  cut: ${formatWork(each)}`),
  ]
}

/** Returns the outcome of a successful reload. */
export function formatReload({ reports }: ReloadSummary): string[] {
  return reports.flatMap((report) => [
    `${formatProcess(report.successor)} is serving after ${formatDuration(reloadMs(report))}`,
    ...(report.drain ? formatDrain(report, report.drain) : []),
  ])
}

/** Returns the outcome of a change of the number of workers. */
export function formatScale({ before, workers, moved, reports }: ScaleSummary): string[] {
  const drains = reports.flatMap((report) => formatDrain(report, report.drain))
  const count = formatCount(workers, 'worker')
  const left = before > workers ? [`${formatCount(moved, 'connection')} moved to the remaining workers`] : []
  return before === workers
    ? [`the service already has ${count}`]
    : [`the service has ${count}; before: ${before}`, ...left, ...drains]
}

/** Returns the outcome of the last reload. */
export function formatLastReload({ outcome, reason, reports }: ReloadSummary): string {
  const last = reports.at(-1)
  if (!last) return outcome
  const when = reason === undefined ? last.startedAt : `${last.startedAt} (${reason})`
  if (outcome === 'failed') return `failed at ${when}: ${last.failure?.message ?? 'unknown'}`
  const drain = reports.every((report) => report.drain)
    ? `; ${reports.flatMap(({ drain }) => (drain ? [formatOutcomes(drain)] : [])).join('; ')}`
    : ''
  return `handed over at ${when} in ${formatDuration(reloadMs(last))}${drain}`
}

const reloadMs = ({ phases }: ReloadResult): number => phases.reduce((sum, { ms }) => sum + ms, 0)
