import { expect, test } from 'vitest'
import { activatedListeners } from './activation.js'

test('no listener is inherited without socket activation', () => {
  expect(activatedListeners(undefined)).toEqual([])
  expect(activatedListeners({ count: '0', names: undefined })).toEqual([])
})

test.each(['x', '-1', '1.5', '1001', 'NaN'])('LISTEN_FDS=%s is an error', (count) => {
  expect(() => activatedListeners({ count, names: undefined })).toThrow(
    expect.objectContaining({
      code: 'ERR_HANDOVER_INHERITANCE_MALFORMED',
      message: `LISTEN_FDS is "${count}", not a number of sockets. Nothing was inherited.`,
    }),
  )
})
