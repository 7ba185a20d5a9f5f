/** Formats a status for people: a table of the processes, and below it their open work. */
import { basename } from 'node:path'
import type { Connections, ControlStatus, GenerationStatus } from '@handover/core/supervision'
import { formatCount, formatDuration, formatLastReload, formatProcess, formatWork } from './format.js'
import { type Column, formatTable } from './table.js'

const columns: readonly Column<GenerationStatus>[] = [
  { name: 'PID', align: 'right', cell: ({ pid }) => pid },
  { name: 'GENERATION', align: 'right', cell: ({ generation }) => generation },
  { name: 'RELEASE', align: 'left', cell: ({ release }) => release && basename(release.cwd), dropAt: 1 },
  { name: 'STATE', align: 'left', cell: ({ state }) => state },
  {
    name: 'UPTIME',
    align: 'right',
    cell: ({ uptimeMs }) => (uptimeMs === undefined ? undefined : formatDuration(uptimeMs)),
    dropAt: 2,
  },
  {
    name: 'CPU',
    align: 'right',
    cell: ({ cpuMs, uptimeMs }) => cpuMs && uptimeMs && `${Math.round((100 * cpuMs) / uptimeMs)}%`,
    dropAt: 4,
  },
  {
    name: 'MEMORY',
    align: 'right',
    cell: ({ memoryBytes }) => memoryBytes && `${Math.round(memoryBytes / 2 ** 20)} MiB`,
    dropAt: 5,
  },
  { name: 'CONNECTIONS', align: 'right', cell: ({ connections }) => connections?.total },
  { name: 'IN FLIGHT', align: 'right', cell: ({ connections }) => connections?.inFlight },
  { name: 'REQUESTS', align: 'right', cell: ({ connections }) => connections?.requests, dropAt: 3 },
]

/** Returns the lines of the whole status. On a terminal, the table fits `width`. */
export function formatStatus(
  { supervisor, generations, lastReload }: ControlStatus,
  width = Number.POSITIVE_INFINITY,
): string[] {
  return [
    ...(supervisor
      ? [
          `supervisor: pid ${supervisor.pid}, up ${formatDuration(supervisor.uptimeMs)}, ${formatCount(supervisor.workers, 'worker')}`,
        ]
      : []),
    ...formatTable(columns, generations, width),
    ...generations.flatMap(formatDetails),
    ...formatReleases(generations),
    `last reload: ${lastReload ? formatLastReload(lastReload) : 'none'}`,
  ]
}

/** Returns the connections and the open work of a process, and the progress of its probation or drain. */
function formatDetails(status: GenerationStatus): string[] {
  const { state, because, onProbation, msLeft, connections, activeWork = [] } = status
  const parts = [
    ...(because ? [because === 'shutdown' ? 'shutdown' : 'handed over'] : []),
    ...(onProbation ? ['on probation'] : []),
    ...(msLeft === undefined ? [] : [`${formatDuration(msLeft)} left`]),
    ...(connections ? formatKinds(connections) : []),
  ]
  if (parts.length + activeWork.length === 0) return []
  return [
    `${formatProcess(status)}: ${[state, ...parts].join(', ')}`,
    ...activeWork.map((each) => `  ${state === 'draining' ? 'waits for' : 'busy with'} ${formatWork(each)}`),
  ]
}

const formatKinds = ({ total, inFlight, requests, ...kinds }: Connections): string[] =>
  Object.entries(kinds)
    .filter(([, { idle, busy }]) => idle + busy > 0)
    .map(([kind, { idle, busy }]) => `${kind}: ${idle} idle and ${busy} busy`)

/** Returns one line for each running release. */
function formatReleases(generations: readonly GenerationStatus[]): string[] {
  const lines = generations.map(({ release }) =>
    release ? `release ${basename(release.cwd)} runs ${release.script} in ${release.cwd}` : '',
  )
  return [...new Set(lines)].filter((line) => line !== '')
}
