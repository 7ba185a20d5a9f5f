import type { TcpTarget } from '@handover/load'
import { expect, test } from 'vitest'
import { gate, stateOf } from '../support/http.js'
import { type WatchedSession, watchHttp2 } from '../support/http2-watch.js'
import { Program } from '../support/programs.js'
import { finalReports } from '../support/reports.js'
import { startService } from '../support/service.js'
import { until } from '../support/until.js'

const everyStream = 2 ** 31 - 1
const reloads = 10
const graceful = { probationMs: 50 }

test('C41: nghttp receives two GOAWAY frames and the response to its earlier request', async () => {
  const service = await startService('http2.mjs', { config: { graceful } })
  const watch = await watchHttp2(service.target as TcpTarget)
  const held = gate()
  const nghttp = new Program('nghttp', ['--verbose', `http://127.0.0.1:${watch.target.port}${held.path}`])
  await until('the request is in flight', () => watch.sessions[0]?.requested.size === 1)
  const session = watch.sessions[0] as WatchedSession
  await service.reload()
  await until('two GOAWAY frames were sent', () => session.lastStreams.length === 2)
  held.open()
  expect(await nghttp.exit()).toBe(0)
  const [stream] = [...session.requested]
  expect(session).toMatchObject({ lastStreams: [everyStream, stream], unanswered: [] })
  expect(nghttp.output).toMatch(new RegExp(`recv DATA frame <length=\\d+, flags=0x01, stream_id=${stream}>`))
})

/** Starts h2load with ten streams on each of four sessions. It runs until it receives a GOAWAY. */
function startH2load(url: string): Program {
  return new Program('h2load', ['-c', '4', '-m', '10', '-n', '1000000', url])
}

/** How many requests h2load started, including those that it had not sent at the GOAWAY, and how many succeeded. */
async function resultOf(h2load: Program): Promise<{ started: number; succeeded: number }> {
  await h2load.exit()
  const [, started, succeeded] = /(\d+) started, \d+ done, (\d+) succeeded/.exec(h2load.output) ?? []
  return { started: Number(started), succeeded: Number(succeeded) }
}

test('C41: over cleartext h2load gets a response to every request that it sends, at each of ten reloads', async () => {
  const service = await startService('http2.mjs', { config: { graceful } })
  const watch = await watchHttp2(service.target as TcpTarget)
  for (let reload = 1; reload <= reloads; reload++) {
    const sessions = () => watch.sessions.slice(-4)
    const isUnderLoad = () =>
      watch.sessions.length === 4 * reload && sessions().every(({ answered }) => answered.size > 100)
    const h2load = startH2load(`http://127.0.0.1:${watch.target.port}/`)
    await until('the service is under load', isUnderLoad)
    await service.reload()
    const { succeeded } = await resultOf(h2load)
    expect(sessions().flatMap(({ unanswered, beyond }) => [...unanswered, ...beyond])).toEqual([])
    expect(sessions().map(({ lastStreams }) => lastStreams[0])).toEqual(sessions().map(() => everyStream))
    expect(succeeded).toBe(sessions().reduce((sum, { requested }) => sum + requested.size, 0))
  }
})

test('C41: over TLS h2load gets a response to every request up to the GOAWAY, at each of ten reloads', async () => {
  const service = await startService('http2.mjs', { config: { tls: true, allowHTTP1: true, graceful } })
  const target = { ...(service.target as TcpTarget), tls: true }
  for (let reload = 1; reload <= reloads; reload++) {
    const h2load = startH2load(`https://127.0.0.1:${target.port}/`)
    let asked = 0
    await until('the service is under load', async () => {
      asked++
      const { connections } = await stateOf(target)
      return connections.requests > 1_000
    })
    await service.reload()
    const { started, succeeded } = await resultOf(h2load)
    const report = (await finalReports(service, reload)).at(-1)
    expect(report?.drain).toMatchObject({ cut: [], timedOut: false })
    // The service answered every request that it accepted. GOAWAY excluded the others, at most ten streams per session.
    expect(succeeded).toBe((report?.requests ?? 0) - asked)
    expect(started - succeeded).toBeLessThanOrEqual(4 * 10)
  }
})
