import { expect, test } from 'vitest'
import { connect, get } from '../support/http.js'
import { finalReports } from '../support/reports.js'
import { type Service, startService } from '../support/service.js'
import { until } from '../support/until.js'

// Long enough for a client to get a response during the drain, even on a slow machine.
const graceful = { probationMs: 50, lingerMs: 100, drainTimeoutMs: 4_000 }

/** The process exits at the limit, whatever is still open. */
async function goneAtTheLimit(
  service: Service,
  cut: readonly object[],
  { drainTimeoutMs } = graceful,
): Promise<void> {
  expect(await service.exitOf(service.pid)).toMatchObject({ code: 1 })
  const [report] = await finalReports(service, 1)
  expect(report?.drain).toMatchObject({ timedOut: true, cut })
  expect(report?.drain.ms).toBeGreaterThanOrEqual(drainTimeoutMs - 10)
  await service.line(/drain timed out: \d connections? cut/)
}

test('C46: a predecessor serves raw TCP connections until drainTimeoutMs, then cuts them', async () => {
  const service = await startService('tcp.mjs', { config: { graceful } })
  const [talking, silent] = [await connect(service.target), await connect(service.target)]
  await talking.write('ping')
  expect(String(await talking.read())).toBe('ping')
  await service.reload()
  await talking.write('ping')
  expect(String(await talking.read())).toBe('ping')
  const raw = { kind: 'raw', what: expect.stringMatching(/^a connection from 127\.0\.0\.1:\d+$/) }
  await goneAtTheLimit(service, [raw, raw])
  await Promise.all([talking.closed, silent.closed])
})

test('C46: a shutdown serves an upgraded connection until drainTimeoutMs, then cuts it', async () => {
  const service = await startService('http.mjs', { config: { graceful } })
  const connection = await connect(service.target)
  await connection.write('GET / HTTP/1.1\r\nHost: test\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n')
  expect((await connection.head()).status).toBe(101)
  service.signal('SIGTERM')
  await service.event(({ state }) => state === 'draining')
  await connection.write('ping')
  expect(String(await connection.read())).toBe('ping')
  await goneAtTheLimit(service, [{ kind: 'upgraded' }])
  await connection.closed
})

test('C46: a client that does not read its response is cut at the limit', async () => {
  const short = { ...graceful, drainTimeoutMs: 1_500 }
  const service = await startService('http.mjs', { config: { graceful: short } })
  const connection = await connect(service.target)
  await connection.write(get('/download?bytes=100000000'))
  await until('the first bytes have arrived', () => connection.hasUnread)
  service.signal('SIGTERM')
  await goneAtTheLimit(service, [{ kind: 'http1', what: 'GET /download' }], short)
})
