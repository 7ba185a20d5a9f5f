import type { Target, TcpTarget } from '@handover/load'
import { expect, test } from 'vitest'
import { EventStream } from '../support/events.js'
import { ask, connect, get } from '../support/http.js'
import { finalReports } from '../support/reports.js'
import { startService } from '../support/service.js'
import { until } from '../support/until.js'

const start = (graceful: object = {}, more: object = {}) =>
  startService('sse.mjs', {
    config: { graceful: { probationMs: 50, ...graceful }, ...more },
  })

const openStreams = (target: Target, count: number) =>
  Promise.all(Array.from({ length: count }, () => EventStream.open(target)))

const allServedBy = (streams: readonly EventStream[], generation: number) => () =>
  streams.every(({ events }) => events.at(-1)?.data === String(generation))

test('50 event streams continue through five reloads on the same connections, without a gap or a duplicate', async () => {
  const service = await start()
  const streams = await openStreams(service.target, 50)
  for (let generation = 2; generation <= 6; generation++) {
    await service.reload()
    await until(`generation ${generation} serves every stream`, allServedBy(streams, generation))
  }
  expect(streams.flatMap(({ gaps }) => gaps)).toEqual([])
  for (const { drain } of await finalReports(service, 5)) {
    expect(drain).toMatchObject({ moved: 50, closed: 0, lost: 0, cut: [] })
  }
  for (const stream of streams) stream.close()
})

test('a stream that moved ends cleanly, and its connection serves another request', async () => {
  const service = await start({}, { events: 40 })
  const [stream] = (await openStreams(service.target, 1)) as [EventStream]
  await service.reload()
  expect(await stream.ended).toBe('complete')
  expect(stream.gaps).toEqual([])
  expect(stream.events.at(-1)?.data).toBe('2')
  const next = stream.again()
  expect(await next.ended).toBe('complete')
  expect(next.events).toHaveLength(40)
  next.close()
})

test('without the hook, a stream ends with its last chunk at the limit', async () => {
  const service = await start({ drainTimeoutMs: 500 }, { hook: false })
  const [stream] = (await openStreams(service.target, 1)) as [EventStream]
  await until('the stream has started', () => stream.events.length > 0)
  await service.reload()
  expect(await stream.ended).toBe('complete')
  expect(stream.gaps).toEqual([])
  const [report] = await finalReports(service, 1)
  expect(report?.drain).toMatchObject({ moved: 0, closed: 1, cut: [] })
})

test('a stream that the next release cannot resume ends at once and tells the client when to reconnect', async () => {
  const service = await start({}, { retryMs: 1_234, resume: false })
  const [stream] = (await openStreams(service.target, 1)) as [EventStream]
  await until('the stream has started', () => stream.events.length > 0)
  await service.reload()
  expect(await stream.ended).toBe('complete')
  expect(stream.retryMs).toBe(1_234)
})

test.each([
  ['over TLS', { tls: true }],
  ['when its state cannot be cloned', { state: 'function' }],
  ['when moveConnections is false', { graceful: { moveConnections: false, probationMs: 50 } }],
])(
  '%s, a stream ends cleanly and at once, not at the limit',
  async (_, more: Readonly<Record<string, unknown>>) => {
    const service = await start({}, more)
    const target = { ...(service.target as TcpTarget), tls: more.tls === true }
    const [stream] = (await openStreams(target, 1)) as [EventStream]
    await until('the stream has started', () => stream.events.length > 0)
    await service.reload()
    expect(await stream.ended).toBe('complete')
    expect(stream.gaps).toEqual([])
    expect(stream.events.at(-1)?.data).toBe('1')
    stream.close()
    const [report] = await finalReports(service, 1)
    expect(report?.drain).toMatchObject({ lost: 0, cut: [], timedOut: false })
    if (more.state) await service.line(/cannot move a connection \(http-stream\): .*could not be cloned/)
  },
)

test('at a shutdown, a stream ends cleanly and tells the client when to reconnect', async () => {
  const service = await start({}, { retryMs: 500 })
  const [stream] = (await openStreams(service.target, 1)) as [EventStream]
  await until('the stream has started', () => stream.events.length > 0)
  service.signal('SIGTERM')
  expect(await stream.ended).toBe('complete')
  expect(stream.retryMs).toBe(500)
  expect(await service.exitOf(service.pid)).toMatchObject({ code: 0 })
})

test('a client that leaves while its stream moves does not affect the others', async () => {
  const service = await start()
  const streams = await openStreams(service.target, 20)
  await until('the streams have started', () => streams.every(({ events }) => events.length > 0))
  const reloaded = service.reload()
  const [left, stayed] = [streams.slice(0, 10), streams.slice(10)]
  for (const stream of left) stream.close()
  await reloaded
  await until('the successor serves the other streams', allServedBy(stayed, 2))
  expect(stayed.flatMap(({ gaps }) => gaps)).toEqual([])
  for (const stream of stayed) stream.close()
})

test('a stream that has not sent any data yet moves with its response head', async () => {
  const service = await start({}, { everyMs: 600_000 })
  const connection = await connect(service.target)
  await connection.write(get('/'))
  // The process reads the earlier request first, so it has read both by now.
  expect((await ask(await connect(service.target), '/hello')).text).toBe('hello')
  await service.reload()
  const { status, headers } = await connection.head()
  expect([status, headers.get('content-type')]).toEqual([200, 'text/event-stream'])
  expect((await finalReports(service, 1))[0]?.drain).toMatchObject({ closed: 0, lost: 0, cut: [] })
})

test('a stream with another request behind it ends where it started, and that request gets a response, too', async () => {
  const service = await start({}, { ends: 60 })
  const connection = await connect(service.target)
  await connection.write(get('/') + get('/hello'))
  expect((await ask(await connect(service.target), '/hello')).text).toBe('hello')
  await service.reload()
  const stream = await connection.response()
  expect(stream.text.match(/^data: 1$/gm)).toHaveLength(60)
  expect(await connection.response()).toMatchObject({ status: 200, text: 'hello' })
})
