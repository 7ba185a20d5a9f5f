import { expect, test } from 'vitest'
import { canPaint } from './paint.js'

test('the live display is only for terminals', () => {
  expect(canPaint(true, { TERM: 'xterm-256color', NO_COLOR: '' })).toBe(true)
  expect(canPaint(false, { TERM: 'xterm-256color' })).toBe(false)
})

test.each([{ CI: 'true' }, { NO_COLOR: '1' }, { TERM: 'dumb' }])('%o selects plain lines', (env) => {
  expect(canPaint(true, env)).toBe(false)
})

test('a stream that is not a terminal gets no colors, even in CI', () => {
  expect(canPaint(undefined, { CI: 'true' })).toBe(false)
})
