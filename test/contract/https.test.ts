// TLS connections cannot move: they drain politely.
import { keepAlive, mixedLoad, newConnections, Tally, type TcpTarget } from '@handover/load'
import { describe, expect, test } from 'vitest'
import { ask, askOnce, connect, gate, get, givenBy, isRefused, stateOf } from '../support/http.js'
import { finalReports } from '../support/reports.js'
import { type Service, startService } from '../support/service.js'
import { until } from '../support/until.js'
import { frameworks } from './frameworks.js'

const graceful = { probationMs: 100, lingerMs: 3000, drainTimeoutMs: 20_000 }
const thinking = () => keepAlive({ clients: 10, think: { minMs: 0, maxMs: 200 } })
const lastAnswer = { status: 200, keepAlive: false }

const overTls = ({ target }: Service): TcpTarget => ({ ...(target as TcpTarget), tls: true })

describe.each(frameworks)('$name over TLS', ({ fixture }) => {
  test('the process that started a request answers it, and the response closes the connection', async () => {
    const server = { keepAliveTimeout: 60_000 }
    const service = await startService(fixture, { config: { tls: true, graceful, server } })
    const target = overTls(service)
    const [busy, idle] = [await connect(target), await connect(target)]
    expect(await ask(idle, '/')).toMatchObject({ status: 200, keepAlive: true })
    const held = gate()
    await busy.write(get(held.path))
    await until('the request is in flight', async () => (await stateOf(target)).connections.inFlight === 2)

    const { from, to } = await service.reload()
    expect(givenBy(await askOnce(target, '/'))).toEqual(to)
    held.open()
    for (const answer of [await busy.response(), await ask(idle, '/')]) {
      expect(answer).toMatchObject(lastAnswer)
      expect(givenBy(answer)).toEqual(from)
    }
    for (const connection of [busy, idle]) expect(await connection.closed).toMatchObject({ how: 'end' })
    await service.exitOf(from.pid)
    const [report] = await finalReports(service, 1)
    expect(report?.reload?.connections.https).toEqual({ idle: 1, busy: 1 })
    expect(report?.drain).toMatchObject({ open: 2, closed: 2, cut: [], timedOut: false })
  })

  test('no request fails over 3 reloads and a SIGTERM', async () => {
    const service = await startService(fixture, { config: { tls: true, graceful } })
    const target = overTls(service)
    const tally = new Tally()
    const over = new AbortController()
    const load = mixedLoad(target, {
      tally,
      signal: over.signal,
      workloads: [newConnections({ clients: 2 }), keepAlive({ clients: 2 }), thinking()],
    })
    for (const generation of [2, 3, 4]) {
      const { from } = await service.reload()
      await until(`generation ${generation} serves`, () => tally.servedBy.has(generation))
      await service.exitOf(from.pid)
    }
    over.abort()
    expect((await load).failures).toEqual([])

    const { pid } = service.serving
    const last = thinking()(target, { tally, leaveOnClose: true })
    await until('every client is served', () => tally.open.get(4) === 10)
    service.signal('SIGTERM')
    expect((await last).failures).toEqual([])
    await service.exitOf(pid)
    expect(await isRefused(target)).toBe(true)
  })
})
