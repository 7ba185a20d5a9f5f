// Figures, as people read them.
import type { DrainReport } from '@handover/core'

/** 24,123 */
export const count = (n: number): string => n.toLocaleString('en')

/** 312 ms, 1.9 s */
export const duration = (ms: number): string =>
  ms < 1_000 ? `${Math.round(ms)} ms` : `${(ms / 1_000).toFixed(1)} s`

/** 0.32 ms, 4.1 ms, 61 ms, 1,934 ms: for a column of a table. */
export function milliseconds(ms: number): string {
  if (ms >= 100) return `${count(Math.round(ms))} ms`
  return `${ms.toFixed(ms < 1 ? 2 : 1)} ms`
}

/** What has become of connections: 33 connections: 30 moved, 3 closed, 0 cut. */
export function fates({ open, moved, lost, closed, cut }: DrainReport): string {
  const all = [
    ...(moved > 0 ? [`${count(moved)} moved`] : []),
    `${count(closed)} closed`,
    `${cut.length} cut`,
    ...(lost > 0 ? [`${count(lost)} lost`] : []),
  ]
  return open === 0 ? some(0, 'connection') : `${some(open, 'connection')}: ${all.join(', ')}`
}

/** One connection, 2 connections, no connection. */
export function some(n: number, what: string): string {
  if (n === 0) return `no ${what}`
  return n === 1 ? `one ${what}` : `${count(n)} ${what}s`
}
