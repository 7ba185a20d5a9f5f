// A proxy such as HAProxy or an AWS NLB can send the client's address in a PROXY protocol header, before HTTP.
import { join } from 'node:path'
import type { RawConnection, Response, Target } from '@handover/load'
import { expect, onTestFinished, test } from 'vitest'
import { cli } from '../support/cli.js'
import { connect, gate, get, givenBy } from '../support/http.js'
import { finalReports } from '../support/reports.js'
import { type Service, startService } from '../support/service.js'
import { accepting, rollWorkers, startRun } from '../support/supervised.js'
import { tempDir } from '../support/temp-dir.js'
import { until } from '../support/until.js'

const client = '192.0.2.7:4711'
const v1 = Buffer.from('PROXY TCP4 192.0.2.7 192.0.2.1 4711 80\r\n')
/** The signature, version 2 and PROXY, TCP over IPv4, 12 bytes of addresses and ports. */
const v2 = Buffer.from('0d0a0d0a000d0a515549540a2111000cc0000207c000020112670050', 'hex')
const quick = { probationMs: 50, drainTimeoutMs: 20_000 }
const server = (more: object) => ({ config: { graceful: quick, ...more } })

/** Sends a header with the first request on a connection. */
async function open(target: Target, header = v1, path = '/'): Promise<RawConnection> {
  const connection = await connect(target)
  await connection.write(Buffer.concat([header, Buffer.from(get(path))]))
  return connection
}

async function next(connection: RawConnection): Promise<Response> {
  await connection.write(get('/'))
  return connection.response()
}

const isFrom = (generation: number, keepAlive: boolean, address = client) => ({
  status: 200,
  text: address,
  keepAlive,
  generation,
})

const seen = (response: Response) => ({ ...response, ...givenBy(response) })
/** The processes that warned, once for each warning. */
const warnedBy = ({ output }: Service) =>
  [...output.matchAll(/handover\[(\d+)\] connections on port \d+ do not move/g)].map(([, pid]) => Number(pid))

test.each([
  ['http', { strict: true }],
  ['http', { strict: false }],
  ['fastify', {}],
  ['express', {}],
  ['koa', {}],
])(
  '%s with findhit-proxywrap (%o) keeps the addresses of its clients over a reload',
  async (framework, more) => {
    const service = await startService('proxy-protocol.mjs', server({ decoder: 'wrap', framework, ...more }))
    const [idle, busy, other] = [
      await open(service.target),
      await open(service.target),
      await open(service.target),
    ]
    for (const each of [idle, busy, other]) expect(seen(await each.response())).toMatchObject(isFrom(1, true))
    const unused = await connect(service.target)
    const { path, open: release } = gate()
    await busy.write(get(path.replace('/held', '/')))
    await service.reload()
    await service.event(({ state }) => state === 'draining')
    release()
    expect(seen(await busy.response())).toMatchObject(isFrom(1, false))
    for (const each of [idle, other]) expect(seen(await next(each))).toMatchObject(isFrom(1, false))
    await unused.write(Buffer.concat([v1, Buffer.from(get('/'))]))
    expect(seen(await unused.response())).toMatchObject(isFrom(2, true))
    expect(seen(await (await open(service.target)).response())).toMatchObject(isFrom(2, true))
    const [report] = await finalReports(service, 1)
    expect(report?.drain).toMatchObject({ moved: 1, closed: 3, lost: 0, cut: [] })
    expect(warnedBy(service)).toEqual([service.pid])
  },
)

test.each([
  ['pass', 1, v1],
  ['pass', 2, v2],
  ['share', 1, v1],
  ['share', 2, v2],
])(
  'a TCP server that reads the header and passes connections on (%s, version %i) keeps the addresses over a reload',
  async (decoder, _version, header) => {
    const service = await startService('proxy-protocol.mjs', server({ decoder }))
    const [idle, busy] = [await open(service.target, header), await open(service.target, header)]
    for (const each of [idle, busy]) expect(seen(await each.response())).toMatchObject(isFrom(1, true))
    const unused = await connect(service.target)
    const { path, open: release } = gate()
    await busy.write(get(path.replace('/held', '/')))
    await service.reload()
    await service.event(({ state }) => state === 'draining')
    release()
    expect(seen(await busy.response())).toMatchObject(isFrom(1, false))
    expect(seen(await next(idle))).toMatchObject(isFrom(1, false))
    await unused.write(Buffer.concat([header, Buffer.from(get('/'))]))
    expect(seen(await unused.response())).toMatchObject(isFrom(1, false))
    expect(seen(await (await open(service.target, header)).response())).toMatchObject(isFrom(2, true))
    const [report] = await finalReports(service, 1)
    expect(report?.drain).toMatchObject({ open: 3, moved: 0, closed: 3, lost: 0, cut: [] })
    expect(warnedBy(service)).toEqual([service.pid])
  },
)

test('an event stream after a PROXY protocol header ends in order, and does not move', async () => {
  const service = await startService('proxy-protocol.mjs', server({ decoder: 'wrap' }))
  const connection = await open(service.target, v1, '/events')
  await service.reload()
  expect(seen(await connection.response())).toMatchObject({ status: 200, generation: 1 })
  expect(seen(await next(connection))).toMatchObject(isFrom(1, false))
  const [report] = await finalReports(service, 1)
  expect(report?.drain).toMatchObject({ moved: 0, closed: 1, lost: 0, cut: [] })
  expect(warnedBy(service)).toEqual([service.pid])
})

test('does not warn about a PROXY protocol if the program turns moving off', async () => {
  const graceful = { ...quick, moveConnections: false }
  const service = await startService('proxy-protocol.mjs', { config: { graceful, decoder: 'wrap' } })
  const connection = await open(service.target)
  await connection.response()
  await service.reload()
  expect(seen(await next(connection))).toMatchObject(isFrom(1, false))
  await finalReports(service, 1)
  expect(warnedBy(service)).toEqual([])
})

test('moves a connection whose address the program sets from a header of each request', async () => {
  const service = await startService('proxy-protocol.mjs', server({ decoder: 'none' }))
  const connection = await connect(service.target)
  const request = 'GET / HTTP/1.1\r\nhost: test\r\nx-forwarded-for: 192.0.2.7\r\n\r\n'
  for (const generation of [1, 2]) {
    await connection.write(request)
    const response = await connection.response()
    expect(seen(response)).toMatchObject({ generation, keepAlive: true })
    expect(response.text).toMatch('192.0.2.7')
    if (generation === 1) await service.reload()
  }
  await finalReports(service, 1)
  expect(warnedBy(service)).toEqual([])
})

test.each([
  [1, v1],
  [2, v2],
])(
  'a server without a decoder answers a PROXY protocol header of version %i with 400',
  async (_version, header) => {
    const service = await startService('proxy-protocol.mjs', server({ decoder: 'none' }))
    const connection = await open(service.target, header)
    expect(await connection.response()).toMatchObject({ status: 400, keepAlive: false })
  },
)

test('workers of handover run keep connections with a PROXY protocol header, and serve them over a reload', async () => {
  const control = join(tempDir(), 'control')
  const run = ['--workers', '2', '--control', control]
  const service = await startRun('proxy-protocol.mjs', { run, ...server({ decoder: 'wrap' }) })
  const [full = 0, empty = 0] = accepting(service)
  process.kill(empty, 'SIGSTOP')
  const resume = () => service.processes().includes(empty) && process.kill(empty, 'SIGCONT')
  onTestFinished(() => void resume())
  const unused = await Promise.all(Array.from({ length: 10 }, () => connect(service.target)))
  const used = await Promise.all(Array.from({ length: 10 }, () => open(service.target)))
  for (const each of used)
    expect(seen(await each.response())).toMatchObject({ ...isFrom(1, true), pid: full })
  resume()
  await until('the other worker has connections', async () => (await openAt(control, empty)) > 0)
  for (const each of used) expect(seen(await next(each))).toMatchObject({ ...isFrom(1, true), pid: full })
  await rollWorkers(service, 2)
  for (const each of used) expect(seen(await next(each))).toMatchObject({ ...isFrom(1, false), pid: full })
  // Each worker exits when its unused connections have moved.
  for (const pid of [full, empty]) await service.exitOf(pid)
  for (const each of unused) {
    await each.write(Buffer.concat([v1, Buffer.from(get('/'))]))
    expect(seen(await each.response())).toMatchObject(isFrom(2, true))
  }
  const warned = warnedBy(service)
  expect(warned).toContain(full)
  expect(new Set(warned).size).toBe(warned.length)
})

/** The number of open connections that a worker reports. */
async function openAt(control: string, pid: number): Promise<number> {
  const { stdout } = await cli(['status', '--json', '--control', control])
  const { generations } = JSON.parse(stdout)
  return generations.find((each: { pid: number }) => each.pid === pid)?.connections?.total ?? 0
}
