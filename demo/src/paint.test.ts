import { expect, test } from 'vitest'
import { canPaint } from './paint.js'

test('a live picture is for terminals', () => {
  expect(canPaint(true, { TERM: 'xterm-256color', NO_COLOR: '' })).toBe(true)
  expect(canPaint(false, { TERM: 'xterm-256color' })).toBe(false)
})

test.each([{ CI: 'true' }, { NO_COLOR: '1' }, { TERM: 'dumb' }])('%o asks for plain lines', (env) => {
  expect(canPaint(true, env)).toBe(false)
})

test('a stream that is no terminal gets no colours, in CI neither', () => {
  expect(canPaint(undefined, { CI: 'true' })).toBe(false)
})
