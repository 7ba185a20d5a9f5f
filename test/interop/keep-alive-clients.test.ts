import type { TcpTarget } from '@handover/load'
import { Pool } from 'undici'
import { expect, onTestFinished, test } from 'vitest'
import { gate } from '../support/http.js'
import { Program } from '../support/programs.js'
import { finalReports } from '../support/reports.js'
import { startService } from '../support/service.js'
import { until } from '../support/until.js'

const config = { graceful: { probationMs: 50 } }

test('C40: curl sends all its requests on one connection through three reloads', async () => {
  const service = await startService('http.mjs', { config })
  const url = `http://127.0.0.1:${(service.target as TcpTarget).port}`
  // Each reload happens during a held request. Between them are requests on a connection that was idle.
  const held = [gate(), gate(), gate()]
  const requests = held.flatMap(({ path }) => [path, '/?[1-5]'])
  const curl = new Program('curl', [
    ...[
      '--verbose',
      '--silent',
      '--rate',
      '50/s',
      '--write-out',
      '%{stderr}answered by %header{x-generation}\n',
    ],
    ...requests.flatMap((path) => ['--output', '/dev/null', url + path]),
  ])
  const told = () =>
    [...curl.output.matchAll(/answered by (\d+)$/gm)].map(([, generation]) => Number(generation))
  for (const [i, { open }] of held.entries()) {
    await until('curl waits for an answer', () => told().length === i * 6)
    await service.reload()
    open()
  }
  expect(await curl.exit()).toBe(0)
  // The generation that received a held request answers it, and possibly also the request right after it.
  expect([0, 6, 12, 17].map((i) => told()[i])).toEqual([1, 2, 3, 4])
  expect(told()).toEqual(told().sort())
  expect(curl.output.match(/^\* Connected to/gm)).toHaveLength(1)
  expect(curl.output.match(/^\* Re-using existing connection/gm)).toHaveLength(17)
})

test('C36: an undici pool keeps its connections and has no failed request through five reloads', async () => {
  const reloads = 5
  const connections = 10
  const service = await startService('http.mjs', { config })
  const pool = new Pool(`http://127.0.0.1:${(service.target as TcpTarget).port}`, {
    connections,
    pipelining: 1,
  })
  onTestFinished(() => pool.destroy())
  const events: string[] = []
  pool.on('connect', () => events.push('connect'))
  pool.on('disconnect', (...[, , error]) => events.push(`disconnect: ${error}`))
  pool.on('connectionError', (...[, , error]) => events.push(`connectionError: ${error}`))

  const servedBy = new Set<number>()
  let over = false
  const client = async () => {
    while (!over) {
      const { statusCode, headers, body } = await pool.request({ path: '/', method: 'GET' })
      expect([statusCode, await body.text()]).toEqual([200, 'ok'])
      servedBy.add(Number(headers['x-generation']))
    }
  }
  // With twice as many clients as connections, every second client waits for a free connection.
  const clients = Promise.all(Array.from({ length: 2 * connections }, client))
  for (let generation = 2; generation <= reloads + 1; generation++) {
    await service.reload()
    await until(`generation ${generation} serves`, () => servedBy.has(generation))
  }
  over = true
  await clients
  expect(events).toEqual(Array.from({ length: connections }, () => 'connect'))
  for (const { drain } of await finalReports(service, reloads)) {
    expect(drain).toMatchObject({ moved: connections, closed: 0, lost: 0, cut: [] })
  }
})
