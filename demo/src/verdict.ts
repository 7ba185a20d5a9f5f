// Judges the outcome of the demo.
import type { Failure, LoadResult } from '@handover/load'
import type { Outcome } from './demo.js'
import { count, duration, quantity } from './format.js'
import type { LiveCounts } from './live-clients.js'
import { isFaultless, messagesOf } from './live-lines.js'
import type { Deploy } from './stage.js'

export interface Finding {
  readonly isGood: boolean
  readonly text: string
}

export interface Verdict {
  readonly passed: boolean
  readonly findings: readonly Finding[]
}

export function judge(outcome: Outcome): Verdict {
  const findings = [
    requests(outcome.load),
    live('WebSocket', 'message', outcome.live.webSockets),
    live('event stream', 'event', outcome.live.eventStreams),
    ...outcome.deploys.map((deploy) => (deploy.isBad ? badRelease(deploy) : goodRelease(deploy))),
    drains(outcome),
  ]
  return { passed: findings.every(({ isGood }) => isGood), findings }
}

/** How many failures or reasons a finding lists. */
const maxListed = 5

function requests({ requests: answered, failed, failures }: LoadResult): Finding {
  if (answered === 0) return { isGood: false, text: 'The service answered no request: there was no load.' }
  if (failed === 0) {
    const text = `No request failed: ${count(answered)} got the right response, and none was retried.`
    return { isGood: true, text }
  }
  const text = `${quantity(failed, 'request')} failed out of ${count(answered + failed)}:`
  return { isGood: false, text: [text, ...listed(failures.map(describe), failed)].join('\n') }
}

/** Judges all connections of one kind that should stay open. */
function live(kind: string, what: 'message' | 'event', counts: LiveCounts): Finding {
  const { clients, open, closed, received, reasons } = counts
  if (isFaultless(counts) && open === clients && received > 0) {
    const text = `No ${kind} closed: ${count(open)} stayed open, and each of ${count(received)} ${what}s arrived once and in order.`
    return { isGood: true, text }
  }
  const text = `${count(open)} of ${quantity(clients, kind)} stayed open: ${count(closed)} closed, ${messagesOf(counts, what)}.`
  return { isGood: false, text: [text, ...listed(reasons, closed)].join('\n') }
}

function listed(lines: readonly string[], total: number): string[] {
  const more = total > maxListed ? [`and ${count(total - maxListed)} more`] : []
  return [...lines.slice(0, maxListed), ...more].map((line) => `  ${line}`)
}

function describe({ workload, kind, detail, atMs, servedBy }: Failure): string {
  const last = servedBy ? `, after a response from generation ${servedBy.generation}` : ''
  return `${duration(atMs)} into the load, ${workload}: ${kind}, ${detail}${last}`
}

function goodRelease({ release, from, to, outcome, answer }: Deploy): Finding {
  if (outcome !== 'handed-over') {
    return {
      isGood: false,
      text: `Release ${release} should have taken over from ${from.release} but did not.`,
    }
  }
  if (!isAnswerOf(release, answer)) {
    return {
      isGood: false,
      text: `Release ${release} took over, but another release answered: ${answer}`,
    }
  }
  return {
    isGood: true,
    text: `Release ${release} took over from ${from.release} as generation ${to?.number}.`,
  }
}

function badRelease({ release, from, to, outcome, answer }: Deploy): Finding {
  if (outcome !== 'failed') return { isGood: false, text: `Release ${release} is broken but took over.` }
  if (!isAnswerOf(from.release, answer)) {
    const text = `Release ${release} is broken, and release ${from.release} did not keep serving: ${answer}`
    return { isGood: false, text }
  }
  const { cause } = to?.failure?.failure ?? {}
  if (!cause) return { isGood: false, text: `Release ${release} is broken, and the report has no reason.` }
  const text = `Broken release ${release} did no harm: ${from.release} kept serving, and the report says why.`
  return { isGood: true, text }
}

function drains({ generations }: Outcome): Finding {
  const left = generations.filter(({ state }) => state !== 'failed')
  const bad = left.flatMap(({ number, state, finished }) => {
    if (state !== 'exited' || !finished) return `generation ${number} did not exit`
    const { cut, lost } = finished.drain
    const broken = cut.length + lost
    return broken === 0 ? [] : `generation ${number} cut or lost ${quantity(broken, 'connection')}`
  })
  if (bad.length > 0)
    return { isGood: false, text: `Not every generation exited cleanly: ${bad.join(', ')}.` }
  return { isGood: true, text: `Each generation finished its requests, cut no connection and exited.` }
}

const isAnswerOf = (release: string, answer: string | undefined): boolean =>
  answer?.includes(`"release":"${release}"`) === true
