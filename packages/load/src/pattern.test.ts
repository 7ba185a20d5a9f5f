import { createHash } from 'node:crypto'
import { expect, test } from 'vitest'
import { pattern, patternSha256 } from './pattern.js'

test.each([0, 1, 255, 65_536, 65_537, 200_000])('a stream of %i bytes matches the pattern', (bytes) => {
  const content = Buffer.concat([...pattern(bytes)])
  expect(content.length).toBe(bytes)
  expect(content.every((byte, i) => byte === ((i * 31 + 7) & 0xff))).toBe(true)
  expect(patternSha256(bytes)).toBe(createHash('sha256').update(content).digest('hex'))
})
