import { Fault, type LoadResult, Tally } from '@handover/load'
import { expect, test } from 'vitest'
import type { Outcome } from './demo.js'
import type { Generation } from './generations.js'
import type { LiveCounts, LiveResult } from './live-clients.js'
import { paintIf } from './paint.js'
import { reportLines, verdictLines } from './reports.js'
import type { Deploy } from './stage.js'
import { judge } from './verdict.js'

const left = (number: number, release: string): Generation =>
  ({
    number,
    release,
    pid: 100 + number,
    state: 'exited',
    finished: {
      requests: 1200,
      drain: { ms: 1934, open: 33, moved: 30, lost: 0, closed: 3, cut: [] },
      reload: { phases: [{ name: 'starting', ms: 312 }] },
    },
  }) as unknown as Generation

const crashed = {
  number: 3,
  release: '3.0.0',
  pid: 109,
  state: 'failed',
  failure: {
    phases: [{ name: 'starting', ms: 180 }],
    failure: {
      code: 'ERR_HANDOVER_SUCCESSOR_EXITED',
      exitCode: 1,
      cause: {
        name: 'Error',
        message: 'no database',
        stack: 'Error: no database\n    at file:///a/3/server.mjs:1:44',
      },
    },
  },
} as unknown as Generation

const [first, second, third] = [left(1, '1.0.0'), left(2, '2.0.0'), left(3, '4.0.0')]
const deploys: readonly Deploy[] = [
  {
    number: 1,
    release: '2.0.0',
    isBad: false,
    from: first,
    to: second,
    outcome: 'handed-over',
    answer: '{"release":"2.0.0"}',
  },
  {
    number: 2,
    release: '3.0.0',
    isBad: true,
    from: second,
    to: crashed,
    outcome: 'failed',
    answer: '{"release":"2.0.0"}',
  },
  {
    number: 3,
    release: '4.0.0',
    isBad: false,
    from: second,
    to: third,
    outcome: 'handed-over',
    answer: '{"release":"4.0.0"}',
  },
]

function load({ answered = 1200, failures = 0 } = {}): LoadResult {
  const tally = new Tally()
  for (let n = 0; n < answered; n++) tally.answered('keep-alive', 2, { generation: 1, pid: 101 })
  for (let n = 0; n < failures; n++) {
    tally.failure('keep-alive', n, new Fault('reset', 'read ECONNRESET'), { generation: 2, pid: 102 })
  }
  return tally.result()
}

function liveResult(faults: Partial<LiveCounts> = {}): LiveResult {
  const counts = { closed: 0, received: 1300, lost: 0, doubled: 0, outOfOrder: 0, reasons: [] }
  return {
    webSockets: { clients: 50, open: 50, ...counts, ...faults },
    eventStreams: { clients: 20, open: 20, ...counts },
  }
}

const good: Outcome = {
  load: load(),
  live: liveResult(),
  deploys,
  generations: [first, second, crashed, third],
}
const bad = (outcome: Outcome) => judge(outcome).findings.filter(({ isGood }) => !isGood)

/** The good outcome with a change in one deploy. */
const withDeploy = (number: number, change: Partial<Deploy>): Outcome => ({
  ...good,
  deploys: deploys.map((deploy) => (deploy.number === number ? { ...deploy, ...change } : deploy)),
})

test('the verdict passes a good outcome', () => {
  expect(judge(good)).toMatchObject({ passed: true })
  expect(judge(good).findings).toHaveLength(7)
})

test('a single failed request among thousands fails the demo, and the verdict names it', () => {
  expect(judge({ ...good, load: load({ failures: 1 }) }).passed).toBe(false)
  const [finding, ...others] = bad({ ...good, load: load({ failures: 7 }) })
  expect(others).toEqual([])
  expect(finding?.text).toContain('7 requests failed out of 1,207:')
  expect(finding?.text).toContain('keep-alive: reset, read ECONNRESET, after a response from generation 2')
  expect(finding?.text.split('\n')).toHaveLength(1 + 5 + 1)
  expect(finding?.text).toContain('and 2 more')
})

test('a load without requests fails the demo', () => {
  expect(bad({ ...good, load: load({ answered: 0 }) })).toHaveLength(1)
})

test.each<[string, Partial<LiveCounts>, string]>([
  ['a lost message', { lost: 1 }, '50 of 50 WebSockets stayed open: 0 closed, 1,300 messages, 1 lost.'],
  ['a doubled message', { doubled: 2 }, '1,300 messages, 0 lost, 2 doubled.'],
  ['a swapped message', { outOfOrder: 1 }, '1,300 messages, 0 lost, 1 out of order.'],
  ['a connection that never opened', { open: 49 }, '49 of 50 WebSockets stayed open: 0 closed'],
  ['a service that sends nothing', { received: 0 }, '0 messages, 0 lost'],
  [
    'a closed connection',
    { open: 49, closed: 1, reasons: ['closed with 1012 (service restart)'] },
    '1 closed, 1,300 messages, 0 lost.\n  closed with 1012 (service restart)',
  ],
])('%s fails the demo', (_, faults, text) => {
  expect(bad({ ...good, live: liveResult(faults) })).toMatchObject([{ text: expect.stringContaining(text) }])
})

test.each<[string, Outcome, string]>([
  ['a good release that failed', withDeploy(1, { outcome: 'failed' }), 'should have taken over'],
  [
    'a good release that does not respond',
    withDeploy(3, { answer: '{"release":"2.0.0"}' }),
    'but another release answered',
  ],
  ['a bad release that took over', withDeploy(2, { outcome: 'handed-over' }), 'is broken but took over'],
  ['a bad release that responds', withDeploy(2, { answer: '{"release":"3.0.0"}' }), 'did not keep serving'],
  [
    'a bad release that takes the service down',
    withDeploy(2, { answer: 'nothing: refused' }),
    'did not keep serving',
  ],
  [
    'a failure without a reason',
    withDeploy(2, { to: { ...crashed, failure: {} } as Generation }),
    'the report has no reason',
  ],
])('%s fails the demo', (_, outcome, words) => {
  expect(bad(outcome)).toMatchObject([{ text: expect.stringContaining(words) }])
})

test('a generation that does not exit or that cuts a connection fails the demo', () => {
  const stays = { ...third, state: 'draining' } as Generation
  const finished = { drain: { cut: [{ kind: 'http1', what: 'GET /slow', ageMs: 1 }], lost: 0 } }
  const cuts = { ...first, finished } as unknown as Generation
  expect(bad({ ...good, generations: [cuts, second, stays] })).toMatchObject([
    {
      text: 'Not every generation exited cleanly: generation 1 cut or lost one connection, generation 3 did not exit.',
    },
  ])
})

test('the reports say what happened in each deploy and why it failed', () => {
  expect(reportLines(good, paintIf(false))).toEqual([
    '',
    'Reload reports',
    'deploy 1: release 1.0.0 -> 2.0.0, handed over from pid 101 to 102',
    '   starting 312 ms, drain 1.9 s',
    '   generation 1: 1,200 requests; 33 connections: 30 moved, 3 closed, 0 cut',
    'deploy 2: release 2.0.0 -> 3.0.0, failed: generation 2 kept serving',
    '   starting 180 ms, then pid 109 ended with code 1: ERR_HANDOVER_SUCCESSOR_EXITED',
    '   Error: no database (3/server.mjs:1)',
    'deploy 3: release 2.0.0 -> 4.0.0, handed over from pid 102 to 103',
    '   starting 312 ms, drain 1.9 s',
    '   generation 2: 1,200 requests; 33 connections: 30 moved, 3 closed, 0 cut',
    'stop: drain 1.9 s',
    '   generation 3: 1,200 requests; 33 connections: 30 moved, 3 closed, 0 cut',
    '',
    'Client results',
    'clients      answered   failed      p50      p99      max',
    'keep-alive      1,200        0   2.0 ms   2.0 ms   2.0 ms',
    'Connections moved to the next generation: 0. Connections closed by the server after a response: 0.',
    'WebSockets: 50 open, 0 closed, 1,300 messages, 0 lost',
    'event streams: 20 open, 0 closed, 1,300 events, 0 lost',
  ])
})

test('the verdict ends with one line that summarizes it', () => {
  expect(verdictLines(judge(good), paintIf(false)).at(-1)).toMatch(/^PASSED: /)
  const lines = verdictLines(judge({ ...good, load: load({ failures: 2 }) }), paintIf(false))
  expect(lines.at(-1)).toMatch(/^FAILED: /)
  expect(lines.filter((line) => line.startsWith(' bad '))).toHaveLength(1)
})
