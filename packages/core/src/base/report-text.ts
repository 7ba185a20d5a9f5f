import type { ActiveWork, DrainReport } from './report.js'

export const formatConnections = (count: number): string =>
  `${count} ${count === 1 ? 'connection' : 'connections'}`

/** `GET /slow (http1, 2829 ms)`, separated by commas. */
export const formatActiveWork = (activeWork: readonly ActiveWork[]): string =>
  activeWork.map(({ kind, what, ageMs }) => `${what} (${kind}, ${ageMs} ms)`).join(', ')

/** `36 connections moved, 1 closed, 0 cut`, and the lost and refused connections, if any. */
export function formatOutcomes(report: DrainReport): string {
  const { moved, closed, lost, refused } = report
  const all = `${formatConnections(moved)} moved, ${closed} closed, ${cutCount(report)} cut`
  const more = [
    ...(lost > 0 ? [`${lost} lost in transit`] : []),
    ...(refused > 0 ? [`${refused} refused (too few file descriptors)`] : []),
  ]
  return [all, ...more].join(', ')
}

/** The number of all cut connections. The report lists only some of them. */
const cutCount = ({ kinds }: Pick<DrainReport, 'kinds'>): number =>
  Object.values(kinds).reduce((sum, { cut }) => sum + cut, 0)
