import { count } from './format.js'
import { average, openOf } from './frame.js'
import type { Generation } from './generations.js'
import { liveLines } from './live-lines.js'
import type { Stage, View } from './stage.js'

const stateMs = 2_000

/** Prints a line for each event, and a summary every two seconds. */
export class PlainView implements View {
  readonly #print: (line: string) => void
  #stage: Stage | undefined
  #timer: NodeJS.Timeout | undefined

  constructor(print: (line: string) => void) {
    this.#print = print
  }

  open(stage: Stage): void {
    this.#stage = stage
    this.#timer = setInterval(() => {
      for (const line of summary(stage)) this.say(line)
    }, stateMs)
  }

  say(text: string): void {
    const seconds = (performance.now() - (this.#stage?.startedAt ?? 0)) / 1000
    this.#print(`${seconds.toFixed(1).padStart(5)} s  ${text}`)
  }

  close(): void {
    clearInterval(this.#timer)
  }
}

/**
 * `| generation 1 draining, 12 open; 2 ready, 21 open | 1,412 requests/s | 24,123 answered, 0 failed`, and a line with
 * the WebSockets and event streams.
 */
export function summary(stage: Stage): string[] {
  const { generations, load, live } = stage
  const here = (generations?.all ?? []).filter(({ state }) => state !== 'exited' && state !== 'failed')
  const states = here.map((each) => describe(each, openOf(each, stage))).join('; ')
  const rate = average((load?.samples ?? []).slice(-8).map((sample) => sample.rate))
  const { requests = 0, failed = 0 } = load?.tally ?? {}
  return [
    `| generation ${states} | ${count(rate)} requests/s | ${count(requests)} answered, ${count(failed)} failed`,
    ...(live ? [`| ${liveLines(live).join(' | ')}`] : []),
  ]
}

function describe({ number, state, onProbation, waitsFor }: Generation, open: number): string {
  const [oldest] = waitsFor
  const more = onProbation ? ' on probation' : state === 'draining' && oldest ? `, waits for ${oldest}` : ''
  return `${number} ${state}${more}, ${open} open`
}
