import { expect, test } from 'vitest'
import { inheritanceVariable, readInheritance } from './inheritance.js'
import { wireVersion } from './version.js'

const tcp = { fd: 4, key: 'tcp:127.0.0.1:3000', tcp: { address: '127.0.0.1', port: 3000 } }
const unix = { fd: 5, key: 'unix:/run/app.sock', unix: { path: '/run/app.sock', identity: '1:2' } }
const inheritance = {
  version: wireVersion,
  predecessor: 4711,
  generation: 2,
  signals: ['SIGHUP'],
  listeners: [tcp, unix],
}

test('a valid inheritance is read unchanged', () => {
  expect(readInheritance(JSON.stringify(inheritance))).toEqual(inheritance)
  expect(readInheritance(JSON.stringify({ ...inheritance, listeners: [] })).listeners).toEqual([])
})

const listeners = (...each: readonly unknown[]) => ({ ...inheritance, listeners: each })

test.each([
  ['an empty string', '', 'it is not JSON'],
  ['half of an inheritance', JSON.stringify(inheritance).slice(0, 40), 'it is not JSON'],
  ['null', 'null', 'it is not an object'],
  ['a list', '[]', 'it is not an object'],
  ['a string', '"1"', 'it is not an object'],
  ...[undefined, null, 0, -1, 1.5, '4711', 1e300].map(
    (predecessor) =>
      [`the predecessor ${predecessor}`, { ...inheritance, predecessor }, 'is not a pid'] as const,
  ),
  ...[undefined, 0, '2', 1.5].map(
    (generation) =>
      [`the generation ${generation}`, { ...inheritance, generation }, 'is not a positive integer'] as const,
  ),
  ...[undefined, null, 'SIGHUP', [7], [['SIGHUP']]].map(
    (signals) =>
      [
        `signals ${JSON.stringify(signals)}`,
        { ...inheritance, signals },
        'is not a list of signals',
      ] as const,
  ),
  ['an object as listeners', { ...inheritance, listeners: {} }, 'is not a list of listeners'],
  ['a listener that is null', listeners(null), 'is not a list of listeners'],
  ['a listener that is a number', listeners(4), 'is not a list of listeners'],
  ['a second listener without fields', listeners(tcp, {}), 'is not a list of listeners'],
  ...[undefined, 2, -1, '4', 4.5].map(
    (fd) => [`descriptor ${fd}`, listeners({ ...tcp, fd }), 'is not a list of listeners'] as const,
  ),
  ['a listener without a key', listeners({ ...tcp, key: undefined }), 'is not a list of listeners'],
  ['a listener without an address', listeners({ fd: 4, key: 'tcp' }), 'is not a list of listeners'],
  ['a listener with two addresses', listeners({ ...tcp, unix: unix.unix }), 'is not a list of listeners'],
  ['port 0', listeners({ ...tcp, tcp: { address: '::1', port: 0 } }), 'is not a list of listeners'],
  ['port 65536', listeners({ ...tcp, tcp: { address: '::1', port: 65_536 } }), 'is not a list of listeners'],
  ['a path that is not a string', listeners({ ...unix, unix: { path: 7 } }), 'is not a list of listeners'],
] as const)('the error for %s in the inheritance names the reason', (_, raw, why) => {
  const text = typeof raw === 'string' ? raw : JSON.stringify(raw)
  expect(() => readInheritance(text)).toThrow(
    expect.objectContaining({ code: 'ERR_HANDOVER_INHERITANCE_MALFORMED' }),
  )
  expect(() => readInheritance(text)).toThrow(why)
  expect(() => readInheritance(text)).toThrow(inheritanceVariable)
})

test.each([2, 0, '1', null, undefined])(
  'C55: the error for an inheritance of version %j names both versions',
  (version) => {
    // The format of another version is unknown, so the version is checked before any other field.
    const text = JSON.stringify({ version, listeners: 'in another form' })
    expect(() => readInheritance(text)).toThrow(
      expect.objectContaining({ code: 'ERR_HANDOVER_WIRE_VERSION', theirs: version, ours: wireVersion }),
    )
  },
)
