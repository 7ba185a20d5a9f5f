import { expect, test } from 'vitest'
import { errorData, errorFrom } from './error-data.js'
import { codes, HandoverError } from './errors.js'

test('an error has its code, its cause and its facts as properties', () => {
  const cause = new Error('spawn ENOENT')
  const error = new HandoverError('ERR_HANDOVER_SPAWN', 'It could not be started.', { pid: 4711 }, cause)
  expect(error).toBeInstanceOf(Error)
  expect(error).toMatchObject({ name: 'HandoverError', code: 'ERR_HANDOVER_SPAWN', pid: 4711, cause })
  expect(String(error)).toBe('HandoverError: It could not be started.')
})

test('a fact cannot override the code, and an error without a cause has no cause property', () => {
  const facts: object = { code: 'ENOENT' }
  const error = new HandoverError('ERR_HANDOVER_OPTION', 'Wrong.', facts)
  expect(error.code).toBe('ERR_HANDOVER_OPTION')
  expect('cause' in error).toBe(false)
})

test('every code is unique and has the prefix ERR_HANDOVER_', () => {
  expect(new Set(codes).size).toBe(codes.length)
  for (const code of codes) expect(code).toMatch(/^ERR_HANDOVER_[A-Z]+(_[A-Z]+)*$/)
})

test.each([
  ['an error', new TypeError('broken'), { name: 'TypeError', message: 'broken' }],
  ['a string', 'broken', { name: 'Error', message: 'broken' }],
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
])('errorData turns %s that was thrown into data that any channel can send', (_, thrown, data) => {
  expect(errorData(thrown)).toMatchObject(data)
  expect(structuredClone(errorData(thrown))).toEqual(errorData(thrown))
})

test('errorFrom restores the name, the code and the original stack of an error', () => {
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
