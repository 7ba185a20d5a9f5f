import { join } from 'node:path'
import { RawConnection, type TcpTarget } from '@handover/load'
import { describe, expect, test } from 'vitest'
import { ask, gate, inFlight } from '../support/http.js'
import { Http2Client } from '../support/http2-client.js'
import { Http2Frames } from '../support/http2-frames.js'
import { watchHttp2 } from '../support/http2-watch.js'
import { finalReports } from '../support/reports.js'
import { type Service, startService } from '../support/service.js'
import { tempDir } from '../support/temp-dir.js'
import { until } from '../support/until.js'

const everyStream = 2 ** 31 - 1
/** Far below the limit of the drain, far above the time that the work takes. */
const atOnceMs = 15_000

const start = (config: object = {}, execArgv: readonly string[] = []) =>
  startService('http2.mjs', { config: { graceful: { probationMs: 50 }, ...config }, execArgv })

/** Lets the service wait 60 s instead of 1 s for the answer to its PING, in case a slow machine delays the client. */
const waitsForPing = [
  '--import',
  `data:text/javascript,${encodeURIComponent(`
    const start = setTimeout
    globalThis.setTimeout = (act, ms, ...given) => start(act, ms === 1_000 ? 60_000 : ms, ...given)`)}`,
]

const target = (service: Service) => service.target as TcpTarget

async function drainOf(service: Service) {
  const [report] = await finalReports(service, 1)
  return report?.drain
}

describe('over cleartext', () => {
  test.each([
    { socket: 'TCP', listen: () => ({ port: 0, host: '127.0.0.1' }) },
    { socket: 'a Unix socket', listen: () => ({ path: join(tempDir(), 'socket') }) },
  ])(
    'C41: on $socket, the process that has a session serves streams opened before a reload and streams that cross the GOAWAY',
    async ({ listen }) => {
      const service = await start({ listen: listen() }, waitsForPing)
      const client = await Http2Frames.connect(service.target, { silentOn: ['ping'] })
      const held = gate()
      const before = client.get(held.path)
      await client.ready()
      const { from, to } = await service.reload()
      expect(await client.goaways(1)).toEqual([everyStream])

      // The PING is still unanswered, so the server has sent only the first GOAWAY and accepts these streams.
      const crossing = [client.get('/state'), client.get('/download?bytes=20000')]
      expect(JSON.parse(await client.answer(crossing[0] as number)).pid).toBe(from.pid)
      expect(await client.answer(crossing[1] as number)).toHaveLength(20_000)
      expect(client.lastStreams).toEqual([everyStream])
      client.answerPings()
      expect(await client.goaways(2)).toEqual([everyStream, crossing[1]])

      held.open()
      expect(await client.answer(before)).toBe('ok')
      await client.closed()
      expect(await drainOf(service)).toMatchObject({ closed: 1, cut: [] })
      expect((await service.exitOf(from.pid)).code).toBe(0)
      expect(JSON.parse(await oneAnswer(service)).pid).toBe(to.pid)
    },
  )

  test('a peer that answers no PING still gets a GOAWAY with its last stream', async () => {
    const service = await start()
    const client = await Http2Frames.connect(target(service), { silentOn: ['ping'] })
    await client.answer(client.get('/'))
    await service.reload()
    expect(await client.goaways(2)).toEqual([everyStream, 1])
    await client.closed(atOnceMs)
  })

  test('a peer that never acknowledges the settings gets only the final GOAWAY', async () => {
    const service = await start()
    const client = await Http2Frames.connect(target(service), { silentOn: ['settings'] })
    await client.answer(client.get('/'))
    await service.reload()
    expect(await client.goaways(1)).toEqual([1])
    await client.closed()
    expect((await drainOf(service))?.ms).toBeLessThan(atOnceMs)
  })
})

describe('over TLS', () => {
  test('C41: streams opened before a reload are served, and the GOAWAY names the last of them', async () => {
    const service = await start({ tls: true })
    const client = await Http2Frames.connect(target(service), { tls: true })
    const held = gate()
    const streams = [client.get(held.path), client.get(held.path)]
    await client.ready()
    const { from } = await service.reload()
    expect(await client.goaways(1)).toEqual([3])
    held.open()
    for (const stream of streams) expect(await client.answer(stream)).toBe('ok')
    await client.closed()
    expect(await drainOf(service)).toMatchObject({ closed: 1, cut: [] })
    expect((await service.exitOf(from.pid)).code).toBe(0)
  })

  test('an HTTP/1.1 client on the same port gets Connection: close', async () => {
    const service = await start({ tls: true, allowHTTP1: true })
    const { request, open } = await inFlight({ ...target(service), tls: true })
    const session = await Http2Frames.connect(target(service), { tls: true })
    await session.ready()
    const { from } = await service.reload()
    await session.goaways(1)
    await session.closed()
    open()
    const { headers, text } = await request.response()
    expect([text, headers.get('connection'), headers.get('x-pid')]).toEqual(['ok', 'close', `${from.pid}`])
    expect(await drainOf(service)).toMatchObject({ cut: [] })
  })
})

test('an idle HTTP/1.1 client of an HTTP/2 server holds a shutdown for lingerMs at most', async () => {
  const service = await start({ tls: true, allowHTTP1: true })
  const idle = await RawConnection.connect({ ...target(service), tls: true })
  await ask(idle, '/')
  service.signal('SIGTERM')
  expect((await idle.closed).how).toBe('end')
  expect(await drainOf(service)).toMatchObject({ closed: 1, cut: [], timedOut: false })
})

describe.each([{ tls: false }, { tls: true }])('with TLS: $tls', (config) => {
  test('a peer that stops responding and never closes its side does not hold the drain', async () => {
    const service = await start(config)
    const client = await Http2Frames.connect(target(service), { ...config, silentOn: ['ping', 'end'] })
    await client.answer(client.get('/'))
    await service.reload()
    expect(await drainOf(service)).toMatchObject({ closed: 1, cut: [], timedOut: false })
    expect((await drainOf(service))?.ms).toBeLessThan(atOnceMs)
  })

  test('C41: idle sessions end at once, at a reload and at a shutdown', async () => {
    const service = await start(config)
    for (const leave of [() => service.reload(), async () => service.signal('SIGTERM')]) {
      const { pid } = service.serving
      const idle = await Promise.all(
        Array.from({ length: 10 }, () => Http2Frames.connect(target(service), config)),
      )
      await Promise.all(idle.map((client) => client.ready()))
      await leave()
      await Promise.all(idle.map((client) => client.closed(atOnceMs)))
      expect(idle.map(({ lastStreams }) => lastStreams.at(-1))).toEqual(idle.map(() => 0))
      await service.exitOf(pid, atOnceMs)
    }
    for (const { drain } of await finalReports(service, 2)) {
      expect(drain).toMatchObject({ closed: 10, cut: [], timedOut: false })
    }
  })
})

test("C41: over cleartext, every request of Node's client gets a response through ten reloads", async () => {
  const service = await start({}, waitsForPing)
  const watch = await watchHttp2(target(service))
  // Small and large responses, so that the GOAWAY goes between the frames of both.
  const clients = [undefined, undefined, 200_000].map(
    (bytes) => new Http2Client(watch.target, bytes ? { bytes } : {}),
  )
  await throughReloads(service, clients, 10)
  expect(clients.flatMap(({ failures }) => failures)).toEqual([])
  expect(watch.sessions.flatMap(({ unanswered, beyond }) => [...unanswered, ...beyond])).toEqual([])
  const requested = watch.sessions.reduce((sum, session) => sum + session.requested.size, 0)
  expect(requested).toBe(clients.reduce((sum, { answered }) => sum + answered, 0))
})

test("C41: over TLS, every request of Node's client gets a response, or a GOAWAY permits its retry, through ten reloads", async () => {
  const service = await start({ tls: true })
  const clients = Array.from({ length: 3 }, () => new Http2Client(target(service), { tls: true }))
  await throughReloads(service, clients, 10)
  expect(clients.flatMap(({ failures }) => failures)).toEqual([])
  for (const { drain } of await finalReports(service, 10)) {
    expect(drain).toMatchObject({ cut: [], timedOut: false })
  }
})

/** Reloads `reloads` times. Each time, waits until the new generation has served every client. */
async function throughReloads(service: Service, clients: readonly Http2Client[], reloads: number) {
  const over = new AbortController()
  const load = Promise.all(clients.map((client) => client.run(4, over.signal)))
  for (let generation = 2; generation <= reloads + 1; generation++) {
    await service.reload()
    await until(`generation ${generation} serves`, () => clients.every((c) => c.servedBy.has(generation)))
  }
  over.abort()
  await load
}

async function oneAnswer(service: Service): Promise<string> {
  const client = await Http2Frames.connect(service.target)
  return client.answer(client.get('/state'))
}
