import { expect, test } from 'vitest'
import { envelope } from './message-table.js'
import {
  type FromSupervisor,
  type FromWorker,
  readFromSupervisor,
  readFromWorker,
} from './supervisor-messages.js'
import { wireVersion } from './version.js'

const entry = { fd: 4, key: 'tcp:*:0', tcp: { address: '::', port: 3000 }, held: '1:1' }
const error = { name: 'Error', message: 'broken' }
const pids = { generation: 1, pid: 4711 }
const connections = { total: 1, inFlight: 0, requests: 7 }
const drain = {
  because: 'shutdown',
  ms: 1,
  open: 1,
  arrived: 0,
  moved: 0,
  lost: 0,
  refused: 0,
  longestWaitMs: 0,
  closed: 1,
}
const successor = { generation: 2, pid: undefined }
const reload = {
  ...pids,
  outcome: 'failed',
  successor,
  startedAt: 'now',
  phases: [{ name: 'starting', ms: 1 }],
}
const failure = { ...error, cause: error, lost: 0 }
const report = { ...reload, connections, foreignMessages: ['x'], failure } as never
const final = { ...pids, requests: 7, drain: { ...drain, cut: [], kinds: {}, timedOut: false } } as never
const status = { ...pids, state: 'ready', connections, activeWork: [] } as never
const event = { ...pids, event: 'phase', phase: 'starting', limitMs: 1, successor } as never
const handle = { fd: 4, close() {}, listen: () => 0 }
const needsHandle = new Set(['listener'])
const wanted = { generation: 2, signals: ['SIGHUP'], listeners: [entry] }

test.each([
  { type: 'registered', readyTimeoutMs: 60_000, reloadMs: 91_000, drainMs: 30_000, hooksMs: 0 } as const,
  { type: 'not-participating' } as const,
  { type: 'state', state: 'ready', drainMs: 30_000, hooksMs: 10_000 } as const,
  { type: 'listener', entry } as const,
  { type: 'serves', held: ['1:1'] } as const,
  { type: 'closed', held: '1:1' } as const,
  { type: 'reload-wanted' } as const,
  { type: 'reloaded', report } as const,
  { type: 'reload-failed', error } as const,
  { type: 'status', status } as const,
  { type: 'progress', event } as const,
  { type: 'shareable', connections: 0 } as const,
  { type: 'to-peer', share: 1, held: '1:1', betweenRequests: true, number: 2, inode: 3 } as const,
  { type: 'sent-to-peer', share: 1, upTo: 2 } as const,
  { type: 'shared' } as const,
  { type: 'can-accept' } as const,
  { type: 'peer-accepted', share: 1, numbers: [2], upTo: 2 } as const,
  { type: 'drained', report: final } as const,
  { type: 'start-successor', successor: 1, wanted } as const,
  { type: 'to-successor', successor: 1, message: { handover: 1, type: 'anything' } } as const,
  { type: 'signal-successor', successor: 1, signal: 'SIGTERM' } as const,
])('a worker can send $type', (message) => {
  const given = needsHandle.has(message.type) ? handle : undefined
  expect(readFromWorker(envelope<FromWorker>(message), given)).toMatchObject(message)
})

test.each([
  { type: 'reload', before: 1 } as const,
  { type: 'shutdown' } as const,
  { type: 'cut-short' } as const,
  { type: 'status-wanted' } as const,
  { type: 'listener', entry } as const,
  { type: 'close-listeners', held: ['1:1'] } as const,
  { type: 'predecessor-ended' } as const,
  { type: 'rebalance' } as const,
  { type: 'can-accept' } as const,
  { type: 'share', share: 1, connections: 7 } as const,
  { type: 'from-peer', share: 1, held: '1:1', betweenRequests: false, number: 2, inode: 3 } as const,
  { type: 'sent-to-peer', share: 1, upTo: 2 } as const,
  { type: 'peer-accepted', share: 1, numbers: [], upTo: 2, full: true } as const,
  { type: 'successor-started', successor: 1, pid: 4711 } as const,
  { type: 'successor-refused', successor: 1, error } as const,
  { type: 'from-successor', successor: 1, message: 'anything' } as const,
  { type: 'successor-ended', successor: 1, code: 0, signal: null } as const,
])('a supervisor can send $type', (message) => {
  expect(readFromSupervisor(envelope<FromSupervisor>(message))).toMatchObject(message)
})

const foreign: readonly unknown[] = [
  undefined,
  'reload',
  { type: 'reload' },
  { handover: wireVersion },
  { handover: wireVersion, type: 'toString' },
  { handover: wireVersion, type: 'hello' },
  { handover: wireVersion, type: 'registered', readyTimeoutMs: -1, reloadMs: 1, drainMs: 0, hooksMs: 0 },
  { handover: wireVersion, type: 'state', state: 7, drainMs: 0, hooksMs: 0 },
  { handover: wireVersion, type: 'listener', entry: { ...entry, fd: 'x' } },
  { handover: wireVersion, type: 'serves', held: [1] },
  { handover: wireVersion, type: 'close-listeners' },
  { handover: wireVersion, type: 'reload-failed', error: 'broken' },
  { handover: wireVersion, type: 'start-successor', successor: 1, wanted: { ...wanted, signals: 'SIGHUP' } },
  { handover: wireVersion, type: 'start-successor', wanted },
  { handover: wireVersion, type: 'to-successor', message: 'anything' },
  { handover: wireVersion, type: 'successor-started', successor: 1, pid: 0 },
  { handover: wireVersion, type: 'shareable', connections: -1 },
  { handover: wireVersion, type: 'share', share: 1, connections: 0 },
  { handover: wireVersion, type: 'share', connections: 7 },
  { handover: wireVersion, type: 'to-peer', share: 1, held: 1, betweenRequests: true, number: 2, inode: 3 },
  { handover: wireVersion, type: 'from-peer', share: 1, held: '1:1', betweenRequests: true },
  { handover: wireVersion, type: 'peer-accepted', share: 1, numbers: 1, upTo: 2 },
  { handover: wireVersion, type: 'sent-to-peer', upTo: 2 },
  { handover: wireVersion, type: 'state', state: 'unknown', drainMs: 0, hooksMs: 0 },
  { handover: wireVersion, type: 'reloaded', report: {} },
  { handover: wireVersion, type: 'drained', report: { ...pids, requests: 1, drain: {} } },
  { handover: wireVersion, type: 'status', status: { ...pids, state: 'ready', activeWork: [1] } },
  { handover: wireVersion, type: 'progress', event: { event: 'status', ok: true } },
  { handover: wireVersion, type: 'reload-failed', error: { name: {}, message: 'broken' } },
  { handover: wireVersion, type: 'to-successor', successor: 1, message: 'anything' },
  { handover: wireVersion, type: 'signal-successor', successor: 1, signal: 'SIGNOPE' },
  { handover: wireVersion, type: 'successor-ended', successor: 1, code: 'x', signal: null },
]

test.each(foreign.map((raw) => [raw]))('%j is not a message between a worker and its supervisor', (raw) => {
  expect(readFromWorker(raw)).toBeUndefined()
  expect(readFromSupervisor(raw)).toBeUndefined()
})

const cyclic: { self?: object } = {}
cyclic.self = cyclic
let shared: unknown[] = []
for (let n = 0; n < 40; n++) shared = [shared, shared]

test.each([
  ['a cycle', cyclic],
  ['endlessly shared branches', shared],
  ['a BigInt', 1n],
  ['a date', new Date(0)],
  ['too much text', 'x'.repeat(9 * 1024 * 1024)],
])('C73: a status with %s is malformed', (_, more) => {
  const message = { handover: wireVersion, type: 'status', status: { ...pids, state: 'ready', more } }
  expect(readFromWorker(message)).toBeUndefined()
})

test('C73: a message must have exactly the handle that its type requires', () => {
  const listener = { handover: wireVersion, type: 'listener', entry }
  expect(readFromWorker(listener, handle)).toBe(listener)
  for (const wrong of [undefined, {}, { fd: 4, close() {} }])
    expect(readFromWorker(listener, wrong)).toBeUndefined()
  const outsider = { handover: wireVersion, type: 'not-participating' }
  expect(readFromWorker(outsider)).toBe(outsider)
  expect(readFromWorker(outsider, handle)).toBeUndefined()
})

test('the error for a message of another version names both versions', () => {
  for (const read of [readFromWorker, readFromSupervisor]) {
    expect(() => read({ handover: wireVersion + 1, type: 'reload' })).toThrow(
      expect.objectContaining({
        code: 'ERR_HANDOVER_WIRE_VERSION',
        theirs: wireVersion + 1,
        ours: wireVersion,
      }),
    )
  }
})
