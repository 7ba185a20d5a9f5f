// Formats numbers for people.
import type { DrainReport } from '@handover/core'

/** 24,123 */
export const count = (n: number): string => n.toLocaleString('en')

/** 312 ms, 1.9 s */
export const duration = (ms: number): string =>
  ms < 1_000 ? `${Math.round(ms)} ms` : `${(ms / 1_000).toFixed(1)} s`

/** For a column of a table: 0.32 ms, 4.1 ms, 61.6 ms, 1,934 ms. */
export function milliseconds(ms: number): string {
  if (ms >= 100) return `${count(Math.round(ms))} ms`
  return `${ms.toFixed(ms < 1 ? 2 : 1)} ms`
}

/** What happened to connections, such as "33 connections: 30 moved, 3 closed, 0 cut". */
export function outcomes({ open, moved, lost, closed, cut }: DrainReport): string {
  const all = [
    ...(moved > 0 ? [`${count(moved)} moved`] : []),
    `${count(closed)} closed`,
    `${cut.length} cut`,
    ...(lost > 0 ? [`${count(lost)} lost`] : []),
  ]
  return open === 0 ? quantity(0, 'connection') : `${quantity(open, 'connection')}: ${all.join(', ')}`
}

/** "one connection", "2 connections" or "no connections". */
export function quantity(n: number, what: string): string {
  if (n === 0) return `no ${what}s`
  return n === 1 ? `one ${what}` : `${count(n)} ${what}s`
}
