/** Formats reports for the log and the commands. */
import type { DrainReport } from './report.js'

/** `36 connections moved, 1 closed, 0 cut`, and the numbers of lost and refused connections. */
export function formatFates(report: DrainReport): string {
  const { moved, closed, lost, refused } = report
  const all = `${moved} ${moved === 1 ? 'connection' : 'connections'} moved, ${closed} closed, ${cutCount(report)} cut`
  const more = [
    ...(lost > 0 ? [`${lost} lost on the way`] : []),
    ...(refused > 0 ? [`${refused} refused (too few file descriptors)`] : []),
  ]
  return [all, ...more].join(', ')
}

/** The number of cut connections. The report names only some of them. */
const cutCount = ({ kinds }: Pick<DrainReport, 'kinds'>): number =>
  Object.values(kinds).reduce((sum, { cut }) => sum + cut, 0)
