/** What each section measures, and how the page and its charts show it. */
import { describeProbes } from './probes.js'
import type { SectionName } from './result.js'

export interface Column {
  readonly title: string
  /** From the median of each figure. */
  readonly value: (median: (figure: string) => number, size: number) => number
  readonly digits: number
}

export interface Chart {
  readonly name: string
  readonly title: string
  readonly unit: string
  readonly series: readonly Column[]
}

export interface Section {
  readonly name: SectionName
  readonly title: string
  /** What is counted by the size. */
  readonly axis: string
  readonly sizes: readonly number[]
  readonly rounds: number
  readonly note: string
  readonly columns: readonly Column[]
  readonly charts: readonly Chart[]
}

const figure = (name: string, title: string, digits = 0): Column => ({
  title,
  digits,
  value: (median) => median(name),
})

const slowest = figure('slowestMs', 'slowest response, ms')
const quiet = figure('quietMs', 'without a reload, ms')
const reload = figure('reloadMs', 'reload, ms')
const peak = figure('peakMiB', 'all processes at the peak, MiB')
const before = figure('beforeMiB', 'predecessor before, MiB')
const after = figure('afterMiB', 'successor after, MiB')
const drain = figure('drainMs', 'drain, ms')
const perSecond: Column = {
  title: 'moved per second',
  digits: 0,
  value: (median, size) => (1000 * size) / median('drainMs'),
}

const times = (name: string, title: string, ...series: Column[]): Chart => ({
  name,
  title,
  unit: 'ms',
  series,
})
const responses = (name: string, title: string) => times(name, title, slowest, quiet)

export const sections: readonly Section[] = [
  {
    name: 'connections',
    title: 'Idle connections',
    axis: 'connections',
    sizes: [1_000, 5_000, 10_000, 25_000, 50_000],
    rounds: 3,
    note: `Keep-alive connections in one process, which a reload moves. ${describeProbes}. Afterwards each connection sends a request, and the successor responds. The longest pause is the longest time in which neither process read a connection.`,
    columns: [
      drain,
      perSecond,
      figure('pauseMs', 'longest pause, ms'),
      slowest,
      quiet,
      before,
      after,
      { ...peak, title: 'both at the peak, MiB' },
    ],
    charts: [
      times('connections-time', 'Time to move all connections', drain),
      {
        name: 'connections-memory',
        title: 'Resident memory',
        unit: 'MiB',
        series: [before, after, { ...peak, title: 'both at the peak, MiB' }],
      },
      responses('connections-responses', 'Slowest response while connections move'),
    ],
  },
  {
    name: 'listeners',
    title: 'Listeners',
    axis: 'listeners',
    sizes: [1, 250, 500, 1_000],
    rounds: 3,
    note: `A program that listens on several addresses, each with its own \`http.Server\`. The time of a reload includes the start of the successor and a probation of 50 ms. ${describeProbes}.`,
    columns: [reload, slowest, quiet, peak],
    charts: [times('listeners', 'Reload of a program with many listeners', reload, slowest)],
  },
  {
    name: 'workers',
    title: 'Workers',
    axis: 'workers',
    sizes: [1, 2, 4, 8],
    rounds: 1,
    note: `A rolling reload under \`handover run\`, with the default options. ${describeProbes}.`,
    columns: [reload, slowest, quiet, figure('managerMiB', 'supervisor, MiB', 1)],
    charts: [times('workers', 'Rolling reload of all workers', reload)],
  },
  {
    name: 'generations',
    title: 'Draining generations',
    axis: 'draining generations',
    sizes: [1, 3, 5],
    rounds: 3,
    note: `Each generation still has a request in flight when the next reload begins, so it keeps draining. 200 idle connections move through all of them. The time of the last reload includes a probation of 50 ms. _All exit_ is the time from the end of these requests until each generation has drained. ${describeProbes}.`,
    columns: [
      figure('draining', 'draining at once'),
      { ...reload, title: 'last reload, ms' },
      figure('endMs', 'all exit, ms'),
      slowest,
      quiet,
      peak,
    ],
    charts: [
      times('generations', 'The last reload while older generations drain', {
        ...reload,
        title: 'last reload, ms',
      }),
    ],
  },
  {
    name: 'state',
    title: 'State',
    axis: 'MiB of state',
    sizes: [1, 10, 50, 100],
    rounds: 3,
    note: `A \`Map\` with entries of 1 KiB, from \`provideState\` to \`inheritedState\`. ${describeProbes}. Both programs block while they copy the state.`,
    columns: [reload, slowest, quiet, { ...peak, title: 'both at the peak, MiB' }],
    charts: [times('state', 'Reload with state', reload, slowest)],
  },
]
