import type net from 'node:net'
import { Duplex } from 'node:stream'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { ClientConnection, maxLineLength } from './client-connection.js'
import type { Controlled } from './controlled.js'

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval'] })
})
afterEach(() => {
  vi.useRealTimers()
})

/** A client connection with everything that the service sends to it. */
function connect(controlled: Partial<Controlled> = {}) {
  const said: Record<string, unknown>[] = []
  const stream = new Duplex({
    read() {},
    write(text, _encoding, done) {
      if (text.length > 0) said.push(JSON.parse(text))
      done()
    },
  })
  const socket = Object.assign(stream, { unref() {}, setTimeout() {}, destroySoon: () => stream.end() })
  const client = new ClientConnection(
    socket as unknown as net.Socket,
    {
      status: () => ({ generations: [] }),
      subscribe: () => () => {},
      ...controlled,
    } as Controlled,
  )
  const send = async (line: string) => {
    stream.push(line)
    await new Promise((resolve) => setImmediate(resolve))
  }
  return { client, said, send, stream }
}

const request = (verb: string) => `{"handover":1,"id":1,"request":"${verb}"}\n`

test('C53: the service drops a client without a complete request after 30 s, even if it sends single bytes', async () => {
  const { send, stream } = connect()
  for (let seconds = 0; seconds < 29; seconds += 1) {
    await send('x')
    vi.advanceTimersByTime(1_000)
  }
  expect(stream.destroyed).toBe(false)
  vi.advanceTimersByTime(1_500)
  expect(stream.destroyed).toBe(true)
})

test('each answer restarts the time limit for the next request', async () => {
  const { send, stream, said } = connect()
  vi.advanceTimersByTime(20_000)
  await send(request('status'))
  expect(said).toEqual([{ id: 1, ok: true, status: { generations: [] } }])
  vi.advanceTimersByTime(20_000)
  expect(stream.destroyed).toBe(false)
  vi.advanceTimersByTime(10_500)
  expect(stream.destroyed).toBe(true)
})

test('a client that waits or watches is not dropped and receives an event every second', async () => {
  const { send, stream, said } = connect({ stop: () => new Promise(() => {}) })
  await send(request('stop'))
  vi.advanceTimersByTime(60_000)
  expect(stream.destroyed).toBe(false)
  expect(said).toHaveLength(60)
  expect(said.at(-1)).toEqual({ id: 1, event: 'alive' })
  const watching = connect()
  await watching.send(request('watch'))
  for (let seconds = 0; seconds < 60; seconds++) await vi.advanceTimersByTimeAsync(1_000)
  expect(watching.stream.destroyed).toBe(false)
  expect(watching.said.length).toBeGreaterThanOrEqual(60)
})

test('a failing status is an error answer, not a crash', async () => {
  const status = () => Promise.reject(new Error('a worker hangs'))
  const { send, said } = connect({ status })
  await send(request('status'))
  await send(request('watch'))
  expect(said).toEqual([
    { id: 1, ok: false, error: { code: 'Error', message: 'a worker hangs' } },
    { id: 1, ok: false, error: { code: 'Error', message: 'a worker hangs' } },
  ])
})

test('a client that only watches can move to the successor; a client that waits for a result cannot', async () => {
  const watching = connect()
  await watching.send(request('watch'))
  await watching.send('{"hand')
  expect(watching.client.carry()).toEqual({ watching: [1], pending: '{"hand' })
  const waiting = connect({ stop: () => new Promise(() => {}) })
  await waiting.send(request('watch'))
  await waiting.send(request('stop'))
  expect(waiting.client.carry()).toBeUndefined()
})

test('the service ignores all requests after a line that is too long', async () => {
  const { send, said } = connect()
  await send(`${'x'.repeat(maxLineLength + 1)}\n${request('status')}`)
  expect(said).toHaveLength(1)
  expect(said[0]).toMatchObject({ id: null, ok: false, error: { code: 'ERR_HANDOVER_REQUEST' } })
})
