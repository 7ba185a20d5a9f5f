import { Fault, Tally } from '@handover/load'
import { expect, test } from 'vitest'
import { frame, sparkline } from './frame.js'
import { Generations } from './generations.js'
import type { LiveClients, LiveCounts } from './live-clients.js'
import type { Load, Sample } from './load.js'
import { paintIf } from './paint.js'
import type { Stage } from './stage.js'
import { summary } from './view-plain.js'

const now = 10_000
const paint = paintIf(false)

const liveCounts = (counts: Partial<LiveCounts>): LiveCounts => ({
  clients: counts.open ?? 0,
  open: 0,
  closed: 0,
  received: 0,
  lost: 0,
  doubled: 0,
  outOfOrder: 0,
  reasons: [],
  ...counts,
})

/** The stage during a drain. */
function stage({ failed = 0, lost = 0 } = {}): Stage {
  const generations = new Generations('1.0.0', () => 8_800)
  const tell = (generation: number, state: 'ready' | 'handing-over' | 'draining', open = 0) =>
    generations.update({ kind: 'state', change: { generation, pid: 4710 + generation, state }, open })
  tell(1, 'ready')
  generations.deploy('2.0.0')
  tell(1, 'handing-over')
  tell(2, 'ready')
  tell(1, 'draining', 103)
  const activeWork = [{ kind: 'http1' as const, what: 'GET /slow', ageMs: 5 }]
  generations.update({ kind: 'waiting', pid: 4711, open: 11, activeWork })
  const tally = new Tally()
  for (let n = 0; n < 11; n++) tally.lastAnswer(undefined, { generation: 1, pid: 4711 })
  for (let n = 0; n < 1234; n++) tally.answered('keep-alive', 1, { generation: 1, pid: 4711 })
  for (let n = 0; n < failed; n++) tally.failure('keep-alive', 0, new Fault('reset', ''), undefined)
  const samples: Sample[] = [{ rate: 0 }, { rate: 400, mark: '1' }, { rate: 800 }]
  const load = { tally, samples } as unknown as Load
  const webSockets = liveCounts({ open: 50, received: 1234, lost })
  const eventStreams = liveCounts({ open: 20, received: 1 })
  const openOn = (generation: number) => (generation === 1 ? 4 : 66)
  const live = { webSockets, eventStreams, openOn } as LiveClients
  return { startedAt: 0, generations, deploys: [], load, live }
}

test('a frame has a line for each generation and shows the load', () => {
  expect(frame(stage(), { now, columns: 110, paint })).toEqual([
    '',
    `── 10.0 s, 0 of 3 deploys ${'─'.repeat(84)}`,
    ' generation  release     pid  requests  connections  state',
    '          1    1.0.0    4711     1,234           15  draining ██████░░ 15 of 103, 1.2 s, waits for GET /slow',
    '          2    2.0.0    4712         0           66  ready',
    '',
    '    requests/s      400  ▁▅█',
    '       deploys            1 ',
    '      answered    1,234  ',
    '        failed        0  ',
    '    WebSockets  50 open  0 closed, 1,234 messages, 0 lost',
    ' event streams  20 open  0 closed, 1 event, 0 lost',
  ])
})

test('a failed generation shows the reason', () => {
  const failing = stage()
  failing.generations?.update({
    kind: 'reload-failed',
    report: {
      successor: { generation: 3, pid: 4713 },
      failure: { cause: { message: 'no database' } },
    } as never,
  })
  expect(frame(failing, { now, columns: 100, paint })).toContain(
    '          3    1.0.0    4713         -            -  failed: no database'.replace('1.0.0', '2.0.0'),
  )
})

test.each([80, 40, 10, 1])('no line is wider than %i columns', (columns) => {
  const lines = frame(stage(), { now, columns, paint })
  expect(Math.max(...lines.map((line) => [...line].length))).toBeLessThanOrEqual(columns)
})

test('failed requests and lost messages are red', () => {
  const color = (faults: object, row: number) =>
    frame(stage(faults), { now, columns: 80, paint: paintIf(true) }).at(row)
  expect(color({ failed: 0 }, -3)).toContain('\u001b[32m')
  expect(color({ failed: 3 }, -3)).toContain('\u001b[31m')
  expect(color({ lost: 0 }, -2)).toContain('\u001b[32m')
  expect(color({ lost: 1 }, -2)).toContain('\u001b[31m')
})

test('a sparkline is scaled to its highest value', () => {
  expect(sparkline([0, 50, 100])).toBe('▁▅█')
  expect(sparkline([0, 0])).toBe('▁▁')
  expect(sparkline([])).toBe('')
})

test('the plain view summarizes the requests and the open connections', () => {
  expect(summary(stage({ lost: 2 }))).toEqual([
    '| generation 1 draining, waits for GET /slow, 15 open; 2 ready, 66 open | 400 requests/s | 1,234 answered, 0 failed',
    '| WebSockets: 50 open, 0 closed, 1,234 messages, 2 lost | event streams: 20 open, 0 closed, 1 event, 0 lost',
  ])
})
