import { expect, test } from 'vitest'
import { errorData, errorFrom } from './error-data.js'
import { codes, HandoverError } from './errors.js'

test('an error has its code, its facts as properties and what led to it', () => {
  const cause = new Error('spawn ENOENT')
  const error = new HandoverError('ERR_HANDOVER_SPAWN', 'It could not be started.', { pid: 4711 }, cause)
  expect(error).toBeInstanceOf(Error)
  expect(error).toMatchObject({ name: 'HandoverError', code: 'ERR_HANDOVER_SPAWN', pid: 4711, cause })
  expect(String(error)).toBe('HandoverError: It could not be started.')
})

test('no fact can take the place of the code, and an error without a cause has none', () => {
  const facts: object = { code: 'ENOENT' }
  const error = new HandoverError('ERR_HANDOVER_OPTION', 'Wrong.', facts)
  expect(error.code).toBe('ERR_HANDOVER_OPTION')
  expect('cause' in error).toBe(false)
})

test('every code is there once and says whose it is', () => {
  expect(new Set(codes).size).toBe(codes.length)
  for (const code of codes) expect(code).toMatch(/^ERR_HANDOVER_[A-Z]+(_[A-Z]+)*$/)
})

test.each([
  ['an error', new TypeError('broken'), { name: 'TypeError', message: 'broken' }],
  ['a text', 'broken', { name: 'Error', message: 'broken' }],
  ['nothing', undefined, { name: 'Error', message: 'undefined' }],
  ['null', null, { name: 'Error', message: 'null' }],
  ['a symbol', Symbol('broken'), { name: 'Error', message: 'Symbol(broken)' }],
  [
    'an object without a prototype',
    Object.create(null),
    { name: 'Error', message: '[Object: null prototype] {}' },
  ],
  ['an object', { status: 503 }, { name: 'Error', message: '{ status: 503 }' }],
  [
    'an error whose message is a function',
    Object.assign(new Error(), { message: () => {} }),
    { message: '() => {}' },
  ],
  [
    'an error without a stack',
    Object.assign(new Error('broken'), { stack: undefined }),
    { message: 'broken' },
  ],
  ['a code that is a number', Object.assign(new Error('broken'), { code: 7 }), { code: '7' }],
])('%s that was thrown becomes data that any channel takes', (_, thrown, data) => {
  expect(errorData(thrown)).toMatchObject(data)
  expect(structuredClone(errorData(thrown))).toEqual(errorData(thrown))
})

test('an error comes out of its data with its name, code and the stack of who threw it', () => {
  const thrown = Object.assign(new RangeError('broken'), { code: 'ERR_BROKEN' })
  const error = errorFrom(errorData(thrown))
  expect(error).toBeInstanceOf(Error)
  expect(error).toMatchObject({
    name: 'RangeError',
    message: 'broken',
    code: 'ERR_BROKEN',
    stack: thrown.stack,
  })
  expect(errorFrom({ name: 'Error', message: 'broken' }).stack).toBe('Error: broken')
})
