import { createHash } from 'node:crypto'
import { keepAlive, mixedLoad, Tally } from '@handover/load'
import { describe, expect, test } from 'vitest'
import { ask, askOnce, connect, gate, get, givenBy, isRefused, stateOf } from '../support/http.js'
import { finalReports } from '../support/reports.js'
import { startService } from '../support/service.js'
import { until } from '../support/until.js'
import { frameworks } from './frameworks.js'

/** For connections that cannot move: the polite drain. */
const polite = { moveConnections: false, probationMs: 100 }
const lastAnswer = { status: 200, keepAlive: false }

describe.each(frameworks)('$name', ({ fixture }) => {
  const start = (more = {}) => startService(fixture, { config: { graceful: polite, ...more } })

  test('C38: a connection opened before the reload gets a response to its first request after the reload', async () => {
    const service = await start()
    const silent = await connect(service.target)
    await until(
      'the connection is accepted',
      async () => (await stateOf(service.target)).connections.total === 2,
    )
    const { from, to } = await service.reload()
    const answer = await ask(silent, '/')
    expect(answer).toMatchObject(lastAnswer)
    expect(givenBy(answer)).toEqual(from)
    expect(givenBy(await askOnce(service.target, '/'))).toEqual(to)
    await service.exitOf(from.pid)
  })

  test('C39: requests whose header or body is half received at the reload get their responses', async () => {
    const service = await start()
    const [header, body] = [await connect(service.target), await connect(service.target)]
    await header.write('GET / HTTP/1.1\r\nHos')
    await body.write('POST /upload HTTP/1.1\r\nHost: test\r\nContent-Length: 8\r\n\r\nhalf')
    await until(
      'both requests have started',
      async () => (await stateOf(service.target)).connections.http1.busy === 3,
    )
    const { from } = await service.reload()
    await header.write('t: test\r\n\r\n')
    await body.write('half')
    const answers = [await header.response(), await body.response()]
    expect(answers).toMatchObject([
      { ...lastAnswer, text: 'ok' },
      { ...lastAnswer, text: sha256('halfhalf') },
    ])
    expect(answers.map(givenBy)).toEqual([from, from])
    await service.exitOf(from.pid)
  })

  test('C39: two pipelined requests, sent before or after the reload, get responses in order, and the second one closes the connection', async () => {
    const service = await start()
    const [one, two] = [gate(), gate()]
    const [before, after] = [await connect(service.target), await connect(service.target)]
    await before.write(get(one.path) + get(two.path))
    await until(
      'both requests are read',
      async () => (await stateOf(service.target)).connections.inFlight === 3,
    )
    const { from } = await service.reload()
    await after.write(get(one.path) + get(two.path))
    await service.line(/draining: 2 connections open; .*GET .*GET /)
    two.open()
    one.open()
    for (const connection of [before, after]) {
      const answers = [await connection.response(), await connection.response()]
      expect(answers).toMatchObject([{ ...lastAnswer, keepAlive: true }, lastAnswer])
      expect(answers.map(givenBy)).toEqual([from, from])
    }
    await service.exitOf(from.pid)
  })

  test('C40: the process that started a request answers it, and the successor answers the next one', async () => {
    const service = await start()
    const connection = await connect(service.target)
    const held = gate()
    await connection.write(get(held.path))
    await until(
      'the request is in flight',
      async () => (await stateOf(service.target)).connections.inFlight === 2,
    )
    const { from, to } = await service.reload()
    held.open()
    const answer = await connection.response()
    expect(answer).toMatchObject(lastAnswer)
    expect(givenBy(answer)).toEqual(from)
    expect(await connection.closed).toMatchObject({ how: 'end' })
    expect(givenBy(await askOnce(service.target, '/'))).toEqual(to)
    await service.exitOf(from.pid)
  })

  test('C44: without moving connections, no keep-alive client sees a failure over 3 reloads: a response announces each close', async () => {
    const service = await start()
    const tally = new Tally()
    const over = new AbortController()
    const load = mixedLoad(service.target, {
      tally,
      signal: over.signal,
      workloads: [keepAlive({ clients: 8 }), keepAlive({ clients: 50, think: { minMs: 0, maxMs: 400 } })],
    })
    for (const generation of [1, 2, 3]) {
      await until(
        `generation ${generation} has answered every client`,
        () => tally.open.get(generation) === 58,
      )
      const { from } = await service.reload()
      await service.exitOf(from.pid)
    }
    over.abort()
    const { failures, moved, closedByAnswer } = await load
    expect(failures).toEqual([])
    expect(moved).toBe(0)
    expect(closedByAnswer).toBe(3 * 58)
    for (const { drain } of await finalReports(service, 3)) {
      expect(drain).toMatchObject({ open: 58, closed: 58, cut: [], timedOut: false })
      // Clients pause for at most 400 ms. Node's own timeout for idle connections is 5 seconds.
      expect(drain.ms).toBeLessThan(4000)
    }
  })

  test('an application that sets "Connection: keep-alive" itself does not override the drain', async () => {
    const service = await start({
      headers: { connection: 'keep-alive' },
      graceful: { ...polite, lingerMs: 20_000 },
      server: { keepAliveTimeout: 60_000 },
    })
    const connection = await connect(service.target)
    expect((await ask(connection, '/')).headers.get('connection')).toBe('keep-alive')
    const { from, to } = await service.reload()
    const answer = await ask(connection, '/')
    expect(answer.headers.get('connection')).toBe('close')
    expect(givenBy(answer)).toEqual(from)
    expect(await connection.closed).toMatchObject({ how: 'end' })

    const next = await connect(service.target)
    expect((await ask(next, '/')).headers.get('connection')).toBe('keep-alive')
    service.signal('SIGTERM')
    await until('no connection is accepted', () => isRefused(service.target))
    expect((await ask(next, '/')).headers.get('connection')).toBe('close')
    await service.exitOf(to.pid)
  })

  test('C48: connections() and the reports agree with what the clients know', async () => {
    const service = await start({ server: { keepAliveTimeout: 60_000 } })
    const idle = await Promise.all([1, 2, 3, 4, 5].map(() => connect(service.target)))
    for (const connection of idle) await ask(connection, '/')
    const silent = await Promise.all([1, 2].map(() => connect(service.target)))
    const held = gate()
    const busy = await Promise.all([1, 2, 3].map(() => connect(service.target)))
    for (const connection of busy) await connection.write(get(held.path))
    const half = await connect(service.target)
    await half.write('GET / HT')

    const asker = await connect(service.target)
    const counted = async () => JSON.parse((await ask(asker, '/state')).text).connections
    await until('all connections are accepted and their requests read', async () => {
      const { total, inFlight, http1 } = await counted()
      return total === 12 && inFlight === 4 && http1.busy === 5
    })
    const { requests, ...counts } = await counted()
    const none = { idle: 0, busy: 0 }
    expect(counts).toEqual({
      http1: { idle: 7, busy: 5 },
      https: none,
      http2: none,
      raw: none,
      upgraded: none,
      total: 12,
      inFlight: 4,
    })

    const { from } = await service.reload()
    held.open()
    for (const connection of busy) expect(await connection.response()).toMatchObject(lastAnswer)
    await half.write('TP/1.1\r\nHost: test\r\n\r\n')
    expect(await half.response()).toMatchObject(lastAnswer)
    for (const connection of [...idle, ...silent, asker]) connection.close()
    await service.exitOf(from.pid)
    const [report] = await finalReports(service, 1)
    expect(report?.reload?.connections).toEqual({
      ...counts,
      http1: { idle: 8, busy: 4 },
      inFlight: 3,
      requests,
    })
    expect(report).toMatchObject({ requests: requests + 1, drain: { open: 12, closed: 12, cut: [] } })
  })
})

const sha256 = (text: string) => createHash('sha256').update(text).digest('hex')
