import { join } from 'node:path'
import { mixedLoad, RawConnection, Tally } from '@handover/load'
import { expect, test } from 'vitest'
import { isHandedOver } from '../support/generations.js'
import { connect, gate, get } from '../support/http.js'
import { release, startRelease } from '../support/release.js'
import { finalReports } from '../support/reports.js'
import { answeredBy, askOn, callAll, openConnections } from '../support/resting.js'
import { type ServiceOptions, startService } from '../support/service.js'
import { tempDir } from '../support/temp-dir.js'

const moving = (graceful: object = {}, more: object = {}): ServiceOptions => ({
  config: {
    graceful: { probationMs: 50, drainTimeoutMs: 30_000, ...graceful },
    ...more,
  },
})

const untouched = { closed: 0, lost: 0, cut: [] }

test('C35, C40: under every kind of load, all connections continue over ten reloads', async () => {
  const service = await startService('http.mjs', moving())
  const over = new AbortController()
  const tally = new Tally()
  const load = mixedLoad(service.target, { tally, signal: over.signal })
  for (let i = 0; i < 10; i++) await service.reload()
  over.abort()
  const { failures, closedByAnswer } = await load
  expect(failures).toEqual([])
  expect(closedByAnswer).toBe(0)
  for (const { drain } of await finalReports(service, 10)) expect(drain).toMatchObject({ lost: 0, cut: [] })
})

test('C40: the process that started a request answers it, and the successor answers the next one on the same connection', async () => {
  const service = await startService('http.mjs', moving())
  const connection = await RawConnection.connect(service.target)
  connection.write('GET /slow?ms=600 HTTP/1.1\r\nhost: test\r\n\r\n')
  await service.reload()
  expect(await answeredBy(connection)).toBe(1)
  expect(await answeredByNext(connection, 2)).toBe(2)
  connection.close()
})

test('C40: a client that sends its next request at once reaches the successor with it', async () => {
  const service = await startService('http.mjs', moving())
  let draining = false
  const late: number[] = []
  const client = async () => {
    const connection = await RawConnection.connect(service.target)
    // The responses come from timers: the next request may be read before any other callback runs.
    for (let generation = 1, answers = 0; generation === 1; ) {
      generation = await askOn(connection, `/slow?ms=${50 + Math.floor(Math.random() * 4)}`)
      if (draining && generation === 1 && ++answers > 1) late.push(answers)
    }
    connection.close()
  }
  const clients = Promise.all(Array.from({ length: 30 }, client))
  await service.reload()
  draining = true
  await clients
  expect(late).toEqual([])
})

test('C38: the successor answers on a connection that was silent until the reload', async () => {
  const service = await startService('http.mjs', moving())
  const connection = await RawConnection.connect(service.target)
  await service.reload()
  await finalReports(service, 1)
  expect(await askOn(connection)).toBe(2)
  connection.close()
})

test('C39: a half-received request and pipelined requests are answered where they started, then the connection moves', async () => {
  const service = await startService('http.mjs', moving())
  const half = await RawConnection.connect(service.target)
  half.write('GET /sl')
  const body = await RawConnection.connect(service.target)
  body.write('POST /upload HTTP/1.1\r\nhost: test\r\ncontent-length: 8\r\n\r\nhalf')
  const two = await RawConnection.connect(service.target)
  two.write('GET /slow?ms=300 HTTP/1.1\r\nhost: test\r\n\r\nGET /slow?ms=10 HTTP/1.1\r\nhost: test\r\n\r\n')
  // All bytes have arrived when the response to a later request arrives.
  expect(await askOn(await RawConnection.connect(service.target))).toBe(1)
  await service.reload()
  half.write('ow?ms=1 HTTP/1.1\r\nhost: test\r\n\r\n')
  body.write('done')
  expect(await answeredBy(half)).toBe(1)
  expect(await answeredBy(body)).toBe(1)
  expect([await answeredBy(two), await answeredBy(two)]).toEqual([1, 1])
  for (const connection of [half, body, two]) {
    expect(await answeredByNext(connection, 2)).toBe(2)
    connection.close()
  }
})

test.each(['before', 'after'])(
  'C39: an upload answered %s the reload, before its body is complete, ends in the predecessor; then its connection moves',
  async (when) => {
    const service = await startService('http.mjs', moving({}, { server: { keepAliveTimeout: 60_000 } }))
    const connection = await connect(service.target)
    const upload = 'POST /nowhere HTTP/1.1\r\nhost: test\r\ncontent-length: 8\r\n\r\nhalf'
    await connection.write(when === 'before' ? upload : upload.slice(0, 8))
    if (when === 'before') expect(await connection.response()).toMatchObject({ status: 404, keepAlive: true })
    await service.reload()
    if (when === 'after') {
      await connection.write(upload.slice(8))
      expect(await connection.response()).toMatchObject({ status: 404, keepAlive: true })
    }
    await connection.write('done')
    const [report] = await finalReports(service, 1)
    expect(report?.drain).toMatchObject({ ...untouched, moved: 1 })
    expect(await askOn(connection)).toBe(2)
  },
)

test('empty lines between two requests, which HTTP ignores, do not keep a connection from moving', async () => {
  const count = 1_000
  const service = await startService('http.mjs', moving({}, { server: { keepAliveTimeout: 60_000 } }))
  const connections = await openConnections(service.target, count)
  await callAll(connections)
  service.signal('SIGHUP')
  await service.event(isHandedOver)
  for (const connection of connections) connection.write('\r\n')
  const [report] = await finalReports(service, 1)
  expect(report?.drain).toMatchObject({ ...untouched, moved: count })
  expect(await callAll(connections)).toEqual({ servedBy: new Map([[2, count]]), failures: [] })
  for (const connection of connections) connection.close()
})

test('C45: the drain ends when the last response is sent and its connection has moved', async () => {
  const service = await startService(
    'http.mjs',
    moving({}, { stopwatch: true, server: { keepAliveTimeout: 60_000 } }),
  )
  const connections = await openConnections(service.target, 20)
  await callAll(connections)
  const held = gate()
  const busy = await connect(service.target)
  await busy.write(get(held.path))
  await service.reload()
  await service.line(/draining: 1 connection open; waiting for GET \/held/)
  held.open()
  expect(await answeredBy(busy)).toBe(1)
  await service.exitOf(service.pid)
  expect((await service.event('gone')).msSinceAnswer).toBeLessThan(250)
  for (const connection of [...connections, busy]) expect(await askOn(connection)).toBe(2)
  for (const connection of connections) connection.close()
})

test('connections of a Unix socket move, too', async () => {
  const path = join(tempDir(), 'service.sock')
  const service = await startService(
    'http.mjs',
    moving({}, { listen: { path }, server: { keepAliveTimeout: 60_000 } }),
  )
  const connections = await openConnections({ path }, 50)
  await callAll(connections)
  await service.reload()
  await finalReports(service, 1)
  expect(await callAll(connections)).toEqual({ servedBy: new Map([[2, 50]]), failures: [] })
  for (const connection of connections) connection.close()
})

test('a connection that moved between two requests may stay idle for the full keep-alive timeout', async () => {
  const limits = { keepAliveTimeout: 4_000, headersTimeout: 500, connectionsCheckingInterval: 50 }
  const service = await startService('http.mjs', moving({}, { server: limits }))
  const connection = await RawConnection.connect(service.target)
  await askOn(connection)
  // The connection is not idle during the reload, which may take longer than the keep-alive timeout.
  const held = gate()
  await connection.write(get(held.path))
  await service.reload()
  held.open()
  expect(await answeredBy(connection)).toBe(1)
  await finalReports(service, 1)
  // Longer than headersTimeout, after which Node would answer 408 if the connection looked unused.
  await connection.quiet(1_000)
  expect(await askOn(connection)).toBe(2)
  // The keep-alive timeout does not apply while a request is in flight.
  expect(await askOn(connection, '/slow?ms=4500')).toBe(2)
  expect(await connection.closed).toMatchObject({ how: 'end' })
})

test('a moved connection may be idle for the socket timeout if the server has no keep-alive timeout', async () => {
  const limits = (timeout: number) =>
    release({ beforeListen: `Object.assign(server, { keepAliveTimeout: 0, timeout: ${timeout} })` })
  const { service, deploy } = await startRelease({
    config: { graceful: { probationMs: 50 } },
    text: limits(60_000),
  })
  // Only the successor has a limit that is short enough for a test.
  deploy(limits(1_000))
  const connections = await openConnections(service.target, 3)
  expect(await callAll(connections)).toEqual({ servedBy: new Map([[1, 3]]), failures: [] })
  await service.reload()
  const [report] = await finalReports(service, 1)
  expect(report?.drain).toMatchObject({ moved: 3 })
  for (const { closed } of connections) expect(await closed).toMatchObject({ how: 'end' })
})

test('a request that waits while its connection moves to a draining generation is answered there', async () => {
  const service = await startService('http.mjs', moving())
  const { path, open } = gate()
  const connection = await RawConnection.connect(service.target)
  await connection.write(get(path))
  await service.reload()
  const { pid: second } = service.serving
  await service.reload()
  service.signal('SIGSTOP', second)
  open()
  expect(await answeredBy(connection)).toBe(1)
  await connection.write(get('/'))
  service.signal('SIGCONT', second)
  expect(await answeredBy(connection)).toBe(2)
  connection.close()
})

test('during back-to-back reloads, connections pass through draining generations', async () => {
  const service = await startService(
    'http.mjs',
    moving({ probationMs: 0 }, { server: { keepAliveTimeout: 60_000 } }),
  )
  const connections = await openConnections(service.target, 500)
  await callAll(connections)
  for (let i = 0; i < 6; i++) await service.reload()
  await finalReports(service, 6)
  expect(await callAll(connections)).toEqual({ servedBy: new Map([[7, 500]]), failures: [] })
  for (const connection of connections) connection.close()
})

/** The generation that answers after the connection has moved, which happens one turn after the last response. */
async function answeredByNext(connection: RawConnection, wanted: number): Promise<number> {
  let generation = await askOn(connection)
  for (let i = 0; i < 100 && generation !== wanted; i++) generation = await askOn(connection)
  return generation
}
