import net from 'node:net'
import { expect, test } from 'vitest'
import { Readiness } from './readiness.js'

/** A server that counts the reads of its state. */
function watched() {
  const seen = { looks: 0, server: net.createServer() }
  const awaited = {
    get server() {
      seen.looks++
      return seen.server
    },
  }
  return { seen, awaited }
}

test('the work for servers that start to listen one by one grows linearly with their number', () => {
  const readiness = new Readiness()
  const all = Array.from({ length: 500 }, watched)
  for (const { awaited } of all) readiness.await(awaited)
  const complete = all.map(({ seen }) => {
    readiness.listening(seen.server)
    return readiness.complete
  })
  expect(complete.indexOf(true)).toBe(499)
  expect(all.reduce((sum, { seen }) => sum + seen.looks, 0)).toBeLessThan(500 * 5)
})

test('readiness waits again for a server that closes', () => {
  const readiness = new Readiness()
  const [one, other] = [net.createServer(), net.createServer()]
  for (const server of [one, other]) readiness.await({ server })
  readiness.listening(one)
  expect(readiness.complete).toBe(false)
  readiness.closed(one)
  readiness.listening(other)
  expect(readiness.complete).toBe(false)
  readiness.listening(one)
  expect(readiness.complete).toBe(true)
})
