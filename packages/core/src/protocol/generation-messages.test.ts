import { expect, test } from 'vitest'
import {
  envelope,
  inheritanceVariable,
  readFromPredecessor,
  readFromSuccessor,
  readInheritance,
  wireVersion,
} from './generation-messages.js'

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
])('a successor can say $type', (message) => {
  expect(readFromSuccessor(envelope(message))).toMatchObject(message)
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
  { type: 'late', id: 1, data: 'more' } as const,
  { type: 'no-more' } as const,
])('a predecessor can say $type', (message) => {
  expect(readFromPredecessor(envelope(message))).toMatchObject(message)
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
  { handover: wireVersion, type: 'late', data: 'more' },
  { handover: wireVersion, type: 'open' },
  { handover: wireVersion, type: 'end-drain' },
  { handover: wireVersion, type: 'open', connections: '3' },
  { handover: wireVersion, type: 'open', connections: 1.5 },
  { handover: wireVersion, type: 'open', connections: -1 },
]

test.each(foreign.map((raw) => [raw]))('%j is none of our messages, whoever sends it', (raw) => {
  expect(readFromSuccessor(raw)).toBeUndefined()
  expect(readFromPredecessor(raw)).toBeUndefined()
})

test('who sends a message counts: neither side can say what the other one says', () => {
  expect(readFromSuccessor(envelope({ type: 'own' }))).toBeUndefined()
  expect(readFromPredecessor(envelope({ type: 'ready' }))).toBeUndefined()
})

test.each([2, 0, '1', null, undefined, {}])(
  'C55: a message of version %j is refused with both versions',
  (theirs) => {
    const message = { handover: theirs, type: 'ready' }
    for (const read of [readFromSuccessor, readFromPredecessor]) {
      expect(() => read(message)).toThrow(
        expect.objectContaining({ code: 'ERR_HANDOVER_WIRE_VERSION', theirs, ours: wireVersion }),
      )
      expect(() => read(message)).toThrow(
        `speaks version ${theirs} of the handover, this one version ${wireVersion}`,
      )
    }
  },
)

const tcp = { fd: 4, key: 'tcp:127.0.0.1:3000', tcp: { address: '127.0.0.1', port: 3000 } }
const unix = { fd: 5, key: 'unix:/run/app.sock', unix: { path: '/run/app.sock', identity: '1:2' } }
const inheritance = {
  version: wireVersion,
  predecessor: 4711,
  generation: 2,
  signals: ['SIGHUP'],
  listeners: [tcp, unix],
}

test('an inheritance is read as it was written', () => {
  expect(readInheritance(JSON.stringify(inheritance))).toEqual(inheritance)
  expect(readInheritance(JSON.stringify({ ...inheritance, listeners: [] })).listeners).toEqual([])
})

const listeners = (...each: readonly unknown[]) => ({ ...inheritance, listeners: each })

test.each([
  ['nothing', '', 'it is not JSON'],
  ['half of it', JSON.stringify(inheritance).slice(0, 40), 'it is not JSON'],
  ['null', 'null', 'it is not an object'],
  ['a list', '[]', 'it is not an object'],
  ['a text', '"1"', 'it is not an object'],
  ...[undefined, null, 0, -1, 1.5, '4711', 1e300].map(
    (predecessor) =>
      [`the predecessor ${predecessor}`, { ...inheritance, predecessor }, 'is not a pid'] as const,
  ),
  ...[undefined, 0, '2', 1.5].map(
    (generation) =>
      [`the generation ${generation}`, { ...inheritance, generation }, 'is not a number from 1 on'] as const,
  ),
  ...[undefined, null, 'SIGHUP', [7], [['SIGHUP']]].map(
    (signals) =>
      [
        `signals ${JSON.stringify(signals)}`,
        { ...inheritance, signals },
        'is not a list of signals',
      ] as const,
  ),
  ['listeners that are no list', { ...inheritance, listeners: {} }, 'is not a list of listeners'],
  ['a listener that is null', listeners(null), 'is not a list of listeners'],
  ['one that is a number', listeners(4), 'is not a list of listeners'],
  ['a second one that is none', listeners(tcp, {}), 'is not a list of listeners'],
  ...[undefined, 2, -1, '4', 4.5].map(
    (fd) => [`descriptor ${fd}`, listeners({ ...tcp, fd }), 'is not a list of listeners'] as const,
  ),
  ['one without a key', listeners({ ...tcp, key: undefined }), 'is not a list of listeners'],
  ['one without an address', listeners({ fd: 4, key: 'tcp' }), 'is not a list of listeners'],
  ['one with two addresses', listeners({ ...tcp, unix: unix.unix }), 'is not a list of listeners'],
  ['port 0', listeners({ ...tcp, tcp: { address: '::1', port: 0 } }), 'is not a list of listeners'],
  ['port 65536', listeners({ ...tcp, tcp: { address: '::1', port: 65_536 } }), 'is not a list of listeners'],
  ['a path that is no text', listeners({ ...unix, unix: { path: 7 } }), 'is not a list of listeners'],
] as const)('%s as an inheritance is refused, with the reason', (_, raw, why) => {
  const text = typeof raw === 'string' ? raw : JSON.stringify(raw)
  expect(() => readInheritance(text)).toThrow(
    expect.objectContaining({ code: 'ERR_HANDOVER_INHERITANCE_MALFORMED' }),
  )
  expect(() => readInheritance(text)).toThrow(why)
  expect(() => readInheritance(text)).toThrow(inheritanceVariable)
})

test.each([2, 0, '1', null, undefined])(
  'C55: an inheritance of version %j is refused with both versions',
  (version) => {
    // Of another version nothing else is known: it is refused before anything else of it is looked at.
    const text = JSON.stringify({ version, listeners: 'in another form' })
    expect(() => readInheritance(text)).toThrow(
      expect.objectContaining({ code: 'ERR_HANDOVER_WIRE_VERSION', theirs: version, ours: wireVersion }),
    )
  },
)
