import { expect, test } from 'vitest'
import {
  type FromPredecessor,
  type FromSuccessor,
  readFromPredecessor,
  readFromSuccessor,
} from './generation-messages.js'
import { envelope } from './message-table.js'
import { wireVersion } from './version.js'

const error = { name: 'Error', message: 'broken' }

test.each([
  { type: 'hello' } as const,
  { type: 'ready' } as const,
  { type: 'can-take-over' } as const,
  { type: 'duplicate', listener: 4 } as const,
  { type: 'stand-down' } as const,
  { type: 'took-over', listeners: [4, 5], http1: [4], protocols: ['http-stream'] } as const,
  { type: 'received', numbers: [1, 3], upTo: 4 } as const,
  { type: 'received', numbers: [], upTo: 1, full: true } as const,
  { type: 'no-more' } as const,
  { type: 'failed', error } as const,
  { type: 'state-wanted' } as const,
  { type: 'open', connections: 0 } as const,
  { type: 'end-drain', generation: 3 } as const,
  { type: 'peer-data', protocol: 'x', data: new Uint8Array(2) } as const,
])('a successor can send $type', (message) => {
  expect(readFromSuccessor(envelope<FromSuccessor>(message))).toMatchObject(message)
})

test.each([
  { type: 'take-over' } as const,
  { type: 'own' } as const,
  { type: 'let-go' } as const,
  { type: 'taken-back' } as const,
  { type: 'state', value: undefined } as const,
  { type: 'state-failed', error } as const,
  { type: 'greeting', tlsSessions: [[4, { ticketKeys: new Uint8Array(48), idContext: 'x' }]] } as const,
  { type: 'connection', listener: 4, id: 1, number: 2, inode: 3, betweenRequests: true } as const,
  { type: 'sent', upTo: 7 } as const,
  {
    type: 'connection',
    listener: 4,
    id: 1,
    number: 2,
    inode: 3,
    betweenRequests: false,
    protocol: 'x',
    state: new Uint8Array(2),
  } as const,
  { type: 'follow-up', id: 1, data: 'more' } as const,
  { type: 'peer-data', protocol: 'x', data: new Uint8Array(2) } as const,
  { type: 'no-more' } as const,
])('a predecessor can send $type', (message) => {
  expect(readFromPredecessor(envelope<FromPredecessor>(message))).toMatchObject(message)
})

const foreign: readonly unknown[] = [
  undefined,
  null,
  'ready',
  7,
  true,
  [],
  ['ready'],
  {},
  { type: 'ready' },
  { handover: wireVersion },
  { handover: wireVersion, type: 'READY' },
  { handover: wireVersion, type: ['ready'] },
  { handover: wireVersion, type: 'toString' },
  [{ handover: wireVersion, type: 'ready' }],
  { handover: wireVersion, type: 'failed' },
  { handover: wireVersion, type: 'failed', error: 'broken' },
  { handover: wireVersion, type: 'failed', error: { name: 'Error' } },
  { handover: wireVersion, type: 'state-failed', error: { message: 7 } },
  { handover: wireVersion, type: 'took-over' },
  { handover: wireVersion, type: 'duplicate', listener: 'web' },
  { handover: wireVersion, type: 'took-over', listeners: ['4'], http1: [], protocols: [] },
  { handover: wireVersion, type: 'took-over', listeners: [4], http1: ['4'], protocols: [] },
  { handover: wireVersion, type: 'took-over', listeners: [4], protocols: [] },
  { handover: wireVersion, type: 'took-over', listeners: [4], http1: [4], protocols: [5] },
  { handover: wireVersion, type: 'received', numbers: 2, upTo: 2 },
  { handover: wireVersion, type: 'received', numbers: [1], upTo: 0 },
  { handover: wireVersion, type: 'received', numbers: [1], upTo: 1, full: 'yes' },
  { handover: wireVersion, type: 'sent' },
  { handover: wireVersion, type: 'greeting', tlsSessions: [[4, { ticketKeys: 'secret', idContext: 'x' }]] },
  { handover: wireVersion, type: 'greeting', tlsSessions: [[4, { ticketKeys: new Uint8Array(48) }]] },
  { handover: wireVersion, type: 'connection', listener: 4 },
  { handover: wireVersion, type: 'connection', listener: 4, id: 1, number: 2 },
  {
    handover: wireVersion,
    type: 'connection',
    listener: 4,
    id: 1,
    number: 2,
    inode: 3,
    state: { cloned: false },
  },
  { handover: wireVersion, type: 'follow-up', data: 'more' },
  { handover: wireVersion, type: 'peer-data', protocol: 'x', data: 'more' },
  { handover: wireVersion, type: 'peer-data', data: new Uint8Array(2) },
  { handover: wireVersion, type: 'open' },
  { handover: wireVersion, type: 'end-drain' },
  { handover: wireVersion, type: 'open', connections: '3' },
  { handover: wireVersion, type: 'open', connections: 1.5 },
  { handover: wireVersion, type: 'open', connections: -1 },
]

test.each(foreign.map((raw) => [raw]))('%j is not a Handover message from either side', (raw) => {
  expect(readFromSuccessor(raw)).toBeUndefined()
  expect(readFromPredecessor(raw)).toBeUndefined()
})

test('each side rejects messages that only the other side may send', () => {
  expect(readFromSuccessor(envelope<FromPredecessor>({ type: 'own' }))).toBeUndefined()
  expect(readFromPredecessor(envelope<FromSuccessor>({ type: 'ready' }))).toBeUndefined()
})

test.each([2, 0, '1', null, undefined, {}])(
  'C55: the error for a message of version %j names both versions',
  (theirs) => {
    const message = { handover: theirs, type: 'ready' }
    for (const read of [readFromSuccessor, readFromPredecessor]) {
      expect(() => read(message)).toThrow(
        expect.objectContaining({ code: 'ERR_HANDOVER_WIRE_VERSION', theirs, ours: wireVersion }),
      )
      expect(() => read(message)).toThrow(
        `uses version ${theirs} of the handover protocol, and this one uses version ${wireVersion}`,
      )
    }
  },
)
