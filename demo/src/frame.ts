// Renders the stage as lines with a maximum width.
import type { Tally } from '@handover/load'
import cliTruncate from 'cli-truncate'
import { count, duration } from './format.js'
import type { Generation } from './generations.js'
import type { LiveCounts, LiveResult } from './live-clients.js'
import { isFaultless, messagesOf } from './live-lines.js'
import type { Sample } from './load.js'
import type { Paint } from './paint.js'
import type { Stage } from './stage.js'

export interface Picture {
  /** The current time, from `performance.now()`. */
  readonly now: number
  readonly columns: number
  readonly paint: Paint
}

export function frame(stage: Stage, picture: Picture): string[] {
  const { startedAt, generations, load, live, deploys } = stage
  const { now, columns, paint } = picture
  const title = ` ${((now - startedAt) / 1000).toFixed(1).padStart(4)} s, ${deploys.length} of 3 deploys `
  const lines = [
    '',
    paint.dim(`──${title}${'─'.repeat(Math.max(0, columns - title.length - 2))}`),
    paint.dim(` generation  release     pid  requests  connections  state`),
    ...(generations?.all ?? []).map((each) => row(each, stage, picture)),
    '',
    ...(load ? loadLines(load.samples, load.tally, picture) : []),
    ...(live ? liveLines(live, picture) : []),
  ]
  return lines.map((line) => cliTruncate(line, columns))
}

function row(generation: Generation, stage: Stage, picture: Picture): string {
  const { number, release, pid, state } = generation
  const served = state === 'failed' ? '-' : count(stage.load?.tally.servedBy.get(number) ?? 0)
  const open = state === 'failed' || state === 'exited' ? '-' : count(openOf(generation, stage))
  const cells = [
    String(number).padStart(11),
    release.padStart(9),
    String(pid ?? '').padStart(8),
    served.padStart(10),
    open.padStart(13),
  ]
  return `${cells.join('')}  ${stateOf(generation, stage, picture)}`
}

/** Connections on which this generation sent the last response, message or event. */
export const openOf = ({ number }: Generation, { load, live }: Stage): number =>
  (load?.tally.open.get(number) ?? 0) + (live?.openOn(number) ?? 0)

function stateOf(generation: Generation, stage: Stage, { now, paint }: Picture): string {
  const { state, onProbation, since, finished, failure, waitsFor } = generation
  switch (state) {
    case 'ready':
      return onProbation ? paint.cyan('ready, on probation') : paint.green('ready')
    case 'handing-over':
      return `${paint.green('ready')}, handing over`
    case 'draining': {
      const [oldest] = waitsFor
      const why = oldest ? `, waits for ${oldest}` : ''
      return `${paint.yellow('draining')} ${progress(generation, openOf(generation, stage))}, ${duration(now - since)}${why}`
    }
    case 'exited':
      return paint.dim(finished ? `exited, drained in ${duration(finished.drain.ms)}` : 'exited')
    case 'failed':
      return paint.red(
        `failed: ${failure?.failure?.cause?.message ?? failure?.failure?.message ?? 'unknown'}`,
      )
    case 'starting':
      return paint.cyan(`starting ${duration(now - since)}`)
  }
}

const barWidth = 8

/** A bar that shows how many connections have closed or moved since the drain began. */
function progress({ openAtDrain = 0 }: Generation, open: number): string {
  const left = Math.min(open, openAtDrain)
  const done = openAtDrain === 0 ? barWidth : Math.floor((barWidth * (openAtDrain - left)) / openAtDrain)
  return `${'█'.repeat(done)}${'░'.repeat(barWidth - done)} ${left} of ${openAtDrain}`
}

function loadLines(samples: readonly Sample[], tally: Tally, { columns, paint }: Picture): string[] {
  const rate = count(average(samples.slice(-4).map((sample) => sample.rate)))
  const beginning = figure('requests/s', rate)
  const shown = samples.slice(-Math.max(0, columns - beginning.length - 1))
  const marks = shown.map(({ mark }) => mark ?? ' ').join('')
  const failed = figure('failed', count(tally.failed))
  return [
    `${beginning}${paint.green(sparkline(shown.map((sample) => sample.rate)))}`,
    paint.dim(`${figure('deploys', '')}${marks}`),
    figure('answered', count(tally.requests)),
    tally.failed === 0 ? paint.green(failed) : paint.red(paint.bold(failed)),
  ]
}

function liveLines({ webSockets, eventStreams }: LiveResult, { paint }: Picture): string[] {
  const line = (kind: string, counts: LiveCounts, what: 'message' | 'event') => {
    const open = figure(kind, `${count(counts.open)} open`)
    const text = `${open}${count(counts.closed)} closed, ${messagesOf(counts, what)}`
    return isFaultless(counts) ? paint.green(text) : paint.red(paint.bold(text))
  }
  return [line('WebSockets', webSockets, 'message'), line('event streams', eventStreams, 'event')]
}

const figure = (what: string, value: string) => `${what.padStart(14)}${value.padStart(9)}  `

const bars = [...'▁▂▃▄▅▆▇█']

/** One bar for each value, scaled to the highest. */
export function sparkline(values: readonly number[]): string {
  const highest = Math.max(1, ...values)
  return values.map((value) => bars[Math.min(7, Math.floor((value / highest) * 8))]).join('')
}

export function average(values: readonly number[]): number {
  return values.length === 0 ? 0 : Math.round(values.reduce((sum, value) => sum + value, 0) / values.length)
}
