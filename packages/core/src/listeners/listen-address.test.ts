import { expect, test } from 'vitest'
import { canonicalHost, formatTcp, type RequestedAddress, readListenCall, serves } from './listen-address.js'

const callback = () => {}
const requestedBy = (...args: unknown[]) => readListenCall(args, '/srv/app').requested
const keyOf = (...args: unknown[]) => requestedBy(...args).key

test.each<[string, unknown[]]>([
  ['tcp:*:0', []],
  ['tcp:*:0', [callback]],
  ['tcp:*:0', [undefined, callback]],
  ['tcp:*:0', [null]],
  ['tcp:*:0', ['']],
  ['tcp:*:0', [{ port: undefined }]],
  ['tcp:*:0', [{ port: null, path: '/x' }]],
  ['tcp:*:3000', [3000]],
  ['tcp:*:3000', ['3000']],
  ['tcp:*:3000', [3000, undefined, 8, callback]],
  ['tcp:*:3000', [3000, '', callback]],
  ['tcp:*:3000', [{ port: '3000', host: '' }]],
  ['tcp:127.0.0.1:3000', [3000, '127.0.0.1']],
  ['tcp:127.0.0.1:3000', [{ port: 3000, host: '127.0.0.1', path: '/x' }]],
  ['tcp:localhost:3000', [3000, 'LocalHost']],
  ['tcp:[::]:3000', [3000, '::']],
  ['tcp:[::]:3000', [3000, '0::0']],
  ['tcp:[::1]:3000', [{ port: 3000, host: '0:0:0:0:0:0:0:1' }]],
  ['tcp:[::]:3000/ipv6only', [{ port: 3000, host: '::', ipv6Only: true }]],
  ['unix:/run/app.sock', ['/run/app.sock']],
  ['unix:/srv/app/app.sock', ['app.sock', callback]],
  ['unix:/srv/app/app.sock', [{ path: './x/../app.sock' }]],
  ['pipe:\0name', ['\0name']],
  ['pipe:\\\\.\\pipe\\x', ['\\\\.\\pipe\\x']],
  [`pipe:/${'x'.repeat(107)}`, [`/${'x'.repeat(107)}`]],
  ['fd:5', [{ fd: 5 }]],
  ['fd:5', [{ fd: 5, port: 3000 }]],
  ['handle', [{ _handle: {} }]],
  ['handle', [{ fd: -1.5 }]],
  ['invalid', [{}]],
  ['invalid', [65_536]],
  ['invalid', [{ port: 'http' }]],
  ['invalid', [{ path: 1 }]],
])('the key is %j for listen(...%j)', (key, args) => {
  expect(keyOf(...args)).toBe(key)
})

test('the backlog is read from each argument that Node accepts', () => {
  const backlogOf = (...args: unknown[]) => readListenCall(args, '/').backlog
  expect(backlogOf(3000, 8)).toBe(8)
  expect(backlogOf(3000, 'localhost', 8, callback)).toBe(8)
  expect(backlogOf(3000, undefined, 8)).toBe(8)
  expect(backlogOf('/run/x', 8, callback)).toBe(8)
  expect(backlogOf({ port: 3000, backlog: 8 })).toBe(8)
  expect(backlogOf({ port: 3000 }, 8)).toBe(8)
  expect(backlogOf({ port: 3000 }, callback)).toBeUndefined()
  expect(backlogOf(3000, 'localhost')).toBeUndefined()
})

test('the callback is the last argument if that is a function', () => {
  expect(readListenCall([3000, callback], '/').callback).toBe(callback)
  expect(readListenCall([callback], '/').callback).toBe(callback)
  expect(readListenCall([3000], '/').callback).toBeUndefined()
})

test.each([
  ['::', undefined, true],
  ['0.0.0.0', undefined, true],
  ['127.0.0.1', undefined, false],
  ['127.0.0.1', 'localhost', true],
  ['::1', 'LOCALHOST', true],
  ['::', 'localhost', false],
  ['127.0.0.1', '127.0.0.1', true],
  ['127.0.0.1', '127.0.0.2', false],
  ['::1', '0:0:0:0:0:0:0:1', true],
  ['::', '0.0.0.0', false],
  ['10.0.0.1', 'app.example', false],
])('whether a listener on %s serves a request for host %s: %s', (address, host, is) => {
  const requested = requestedBy({
    port: 3000,
    ...(host === undefined ? {} : { host }),
  }) as RequestedAddress & { kind: 'tcp' }
  expect(serves({ address, port: 3000 }, requested)).toBe(is)
  expect(serves({ address, port: 3001 }, requested)).toBe(false)
})

test('an address has one canonical form', () => {
  expect(canonicalHost('FE80::0001')).toBe('[fe80::1]')
  expect(canonicalHost('no:address')).toBe('no:address')
  expect(formatTcp({ address: '::ffff:127.0.0.1', port: 1 })).toBe('[::ffff:127.0.0.1]:1')
  expect(formatTcp({ address: '127.0.0.1', port: 65_535 })).toBe('127.0.0.1:65535')
})
