import { expect, test } from 'vitest'
import { wireVersion } from './wire.js'
import { readFromSupervisor, readFromWorker, supervisorEnvelope } from './wire-supervisor.js'

const entry = { fd: 4, key: 'tcp:*:0', tcp: { address: '::', port: 3000 }, held: '1:1' }
const error = { name: 'Error', message: 'broken' }
const report = {} as never
const wanted = { generation: 2, signals: ['SIGHUP'], listeners: [entry] }

test.each([
  { type: 'registered', readyTimeoutMs: 60_000, reloadMs: 91_000, drainMs: 30_000, hooksMs: 0 } as const,
  { type: 'stranger' } as const,
  { type: 'now', state: 'ready', drainMs: 30_000, hooksMs: 10_000 } as const,
  { type: 'listener', entry } as const,
  { type: 'serves', held: ['1:1'] } as const,
  { type: 'closed', held: '1:1' } as const,
  { type: 'reload-wanted' } as const,
  { type: 'reloaded', report } as const,
  { type: 'reload-failed', error } as const,
  { type: 'status', status: report } as const,
  { type: 'progress', event: report } as const,
  { type: 'shareable', connections: 0 } as const,
  { type: 'to-peer', share: 1, held: '1:1', betweenRequests: true, number: 2, inode: 3 } as const,
  { type: 'sent-to-peer', share: 1, upTo: 2 } as const,
  { type: 'shared' } as const,
  { type: 'takes' } as const,
  { type: 'peer-has', share: 1, numbers: [2], upTo: 2 } as const,
  { type: 'drained', report } as const,
  { type: 'start-successor', successor: 1, wanted } as const,
  { type: 'to-successor', successor: 1, message: 'anything' } as const,
  { type: 'signal-successor', successor: 1, signal: 'SIGTERM' } as const,
])('a worker can say $type', (message) => {
  expect(readFromWorker(supervisorEnvelope(message))).toMatchObject(message)
})

test.each([
  { type: 'reload' } as const,
  { type: 'shutdown' } as const,
  { type: 'cut-short' } as const,
  { type: 'status-wanted' } as const,
  { type: 'listener', entry } as const,
  { type: 'unlisten', held: ['1:1'] } as const,
  { type: 'predecessor-ended' } as const,
  { type: 'takes' } as const,
  { type: 'share', share: 1, connections: 7 } as const,
  { type: 'from-peer', share: 1, held: '1:1', betweenRequests: false, number: 2, inode: 3 } as const,
  { type: 'sent-to-peer', share: 1, upTo: 2 } as const,
  { type: 'peer-has', share: 1, numbers: [], upTo: 2, full: true } as const,
  { type: 'successor-started', successor: 1, pid: 4711 } as const,
  { type: 'successor-refused', successor: 1, error } as const,
  { type: 'from-successor', successor: 1, message: 'anything' } as const,
  { type: 'successor-ended', successor: 1, code: 0, signal: null } as const,
])('a supervisor can say $type', (message) => {
  expect(readFromSupervisor(supervisorEnvelope(message))).toMatchObject(message)
})

const foreign: readonly unknown[] = [
  undefined,
  'reload',
  { type: 'reload' },
  { handover: wireVersion },
  { handover: wireVersion, type: 'toString' },
  { handover: wireVersion, type: 'hello' },
  { handover: wireVersion, type: 'registered', readyTimeoutMs: -1, reloadMs: 1, drainMs: 0, hooksMs: 0 },
  { handover: wireVersion, type: 'now', state: 7, drainMs: 0, hooksMs: 0 },
  { handover: wireVersion, type: 'listener', entry: { ...entry, fd: 'x' } },
  { handover: wireVersion, type: 'serves', held: [1] },
  { handover: wireVersion, type: 'unlisten' },
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
  { handover: wireVersion, type: 'peer-has', share: 1, numbers: 1, upTo: 2 },
  { handover: wireVersion, type: 'sent-to-peer', upTo: 2 },
]

test.each(foreign.map((raw) => [raw]))('%j is none of their messages', (raw) => {
  expect(readFromWorker(raw)).toBeUndefined()
  expect(readFromSupervisor(raw)).toBeUndefined()
})

test('a message of another version is refused with both versions', () => {
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
