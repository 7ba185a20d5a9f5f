// What the report of a drain contains about connections.
import { once } from 'node:events'
import http2 from 'node:http2'
import { expect, onTestFinished, test } from 'vitest'
import { ask, connect, gate } from '../support/http.js'
import { release, startRelease } from '../support/release.js'
import { finalReports } from '../support/reports.js'
import { askOn, callAll, openConnections } from '../support/resting.js'
import { startService } from '../support/service.js'

const none = { moved: 0, lost: 0, closed: 0, cut: 0 }

test('the report has the number of moved, closed and cut connections of each kind', async () => {
  const service = await startService('kinds.mjs', {
    // Longer than a slow machine takes to move the idle connections.
    config: { graceful: { probationMs: 50, drainTimeoutMs: 5_000 } },
  })
  const { kinds } = await service.event('listening')
  const target = (kind: string) => ({
    host: '127.0.0.1',
    port: (kinds as Record<string, { port: number }>)[kind]?.port ?? 0,
  })
  const idle = await openConnections(target('http'), 3)
  for (const connection of idle)
    expect(await ask(connection, '/')).toMatchObject({ status: 200, keepAlive: true })
  const half = await connect(target('http'))
  await half.write('GET / HTTP/1.1\r\nHos')
  const secure = await connect({ ...target('https'), tls: true })
  await ask(secure, '/')
  const session = http2.connect(`http://127.0.0.1:${target('http2').port}`)
  onTestFinished(() => session.destroy())
  await once(session, 'remoteSettings')

  await service.reload()
  const [report] = await finalReports(service, 1)
  expect(report?.drain).toMatchObject({ open: 6, moved: 3, closed: 2, lost: 0 })
  expect(report?.drain.kinds).toEqual({
    http1: { ...none, moved: 3, cut: 1 },
    https: { ...none, closed: 1 },
    http2: { ...none, closed: 1 },
    raw: none,
    upgraded: none,
  })
  for (const connection of idle) connection.close()
})

test('the report has the longest time that a connection waited between the two processes', async () => {
  const { service, deploy } = await startRelease({
    config: { graceful: { probationMs: 50 } },
    text: release({ beforeListen: 'server.keepAliveTimeout = 60_000' }),
  })
  const { file, open } = gate()
  // The successor takes over, and then blocks its event loop while the connections arrive.
  deploy(
    release({
      beforeListen: `
        server.keepAliveTimeout = 60_000
        const { existsSync } = await import('node:fs')
        const block = () => {
          while (!existsSync('${file}')) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 20)
        }
        handle.on('state', ({ state, onProbation }) => {
          if (state === 'ready' && !onProbation) setImmediate(block)
        })`,
    }),
  )
  const connections = await openConnections(service.target, 50)
  await callAll(connections)
  await service.reload()
  // The first connections have been in transit for a second by now.
  await service.line(/draining: 50 connections open/)
  open()
  const [report] = await finalReports(service, 1)
  expect(report?.drain).toMatchObject({ moved: 50 })
  expect(report?.drain.longestWaitMs).toBeGreaterThan(300)
  expect(report?.drain.longestWaitMs).toBeLessThanOrEqual(report?.drain.ms ?? 0)
  for (const connection of connections) expect(await askOn(connection)).toBe(2)
})
