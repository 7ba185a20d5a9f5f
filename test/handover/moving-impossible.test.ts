// Connections that cannot move: their own process serves them, and a response announces the close.
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { keepAlive, type RawConnection, type Target } from '@handover/load'
import { expect, test } from 'vitest'
import { ask, connect, get, givenBy } from '../support/http.js'
import { underLoad } from '../support/load.js'
import { coreUrl } from '../support/program.js'
import { release, startRelease } from '../support/release.js'
import { finalReports } from '../support/reports.js'
import { askOn, openConnections } from '../support/resting.js'
import { startService } from '../support/service.js'
import { tempDir } from '../support/temp-dir.js'

const graceful = { probationMs: 50 }
const clients = 30

test('C44: if Node exposes no descriptor of a connection, the drain is polite and no request fails', async () => {
  const hidden =
    "server.on('connection', ({ _handle }) => Object.defineProperty(_handle, 'fd', { value: -1 }))"
  const { service } = await startRelease({
    config: { graceful },
    text: release({ beforeListen: hidden }),
  })
  const load = await underLoad(service.target, async () => {
    for (let i = 0; i < 3; i++) {
      const { from } = await service.reload()
      await service.exitOf(from.pid)
    }
  }, [keepAlive({ clients, think: { minMs: 0, maxMs: 200 } })])
  expect(load).toMatchObject({ failures: [], moved: 0 })
  expect(load.closedByAnswer).toBeGreaterThan(0)
  for (const { drain } of await finalReports(service, 3)) {
    expect(drain).toMatchObject({ moved: 0, lost: 0, cut: [], timedOut: false })
  }
})

test('C44: a connection to a listener that the next release does not have gets one more response, which announces the close', async () => {
  const file = join(tempDir(), 'release')
  const service = await startService('http.mjs', {
    config: {
      graceful,
      listen: [1, 2].map(() => ({ port: 0, host: '127.0.0.1' })),
      release: file,
      server: { keepAliveTimeout: 60_000 },
    },
  })
  const [kept, dropped] = service.targets as [Target, Target]
  const [stays, leaves] = [await connect(kept), await connect(dropped)]
  for (const connection of [stays, leaves]) await ask(connection, '/')
  writeFileSync(file, JSON.stringify({ listen: { port: 0, host: '127.0.0.1' } }))
  const { from, to } = await service.reload()
  const last = await ask(leaves, '/')
  expect([givenBy(last), last.keepAlive]).toEqual([from, false])
  const [report] = await finalReports(service, 1)
  expect(report?.drain).toMatchObject({ moved: 1, closed: 1, cut: [] })
  expect(givenBy(await ask(stays, '/'))).toEqual(to)
})

/** Servers of a release, by protocol. The previous release serves plain HTTP/1.1 on the same listener. */
const others: Readonly<Record<string, string>> = {
  https: `https.createServer({ key, cert }, (_request, response) => response.end('other'))`,
  'cleartext HTTP/2': `http2.createServer((_request, response) => response.end('other'))`,
  'HTTP/2 over TLS': `http2.createSecureServer({ key, cert, allowHTTP1: true }, (_request, response) => response.end('other'))`,
  'raw TCP': `net.createServer((socket) => socket.end('other'))`,
}

const releaseOf = (server: string) => `
  import http from 'node:http'
  import http2 from 'node:http2'
  import https from 'node:https'
  import net from 'node:net'
  import { graceful } from '${coreUrl}'
  import { cert, key } from '${new URL('../fixtures/tls.mjs', import.meta.url).href}'
  import { config, tellOf } from '${new URL('../fixtures/story.mjs', import.meta.url).href}'
  const server = ${server}
  const handle = graceful(server, config.graceful)
  tellOf(handle)
  handle.resumeStreams?.((response) => response.end('resumed'))
  server.listen({ port: 0, host: '127.0.0.1' })`

test.each(Object.entries(others))(
  'C60: when the next release speaks %s on the listener, the predecessor serves its plain HTTP/1.1 connections, and none moves',
  async (_, server) => {
    const { service, deploy } = await startRelease({
      config: { graceful },
      text: release({ beforeListen: 'server.keepAliveTimeout = 60_000' }),
    })
    const connections = await openConnections(service.target, 10)
    for (const connection of connections) expect(await askOn(connection)).toBe(1)
    const [unused] = await openConnections(service.target, 1)
    deploy(releaseOf(server))
    await service.reload()
    for (const connection of [...connections, unused as RawConnection]) {
      const answer = await ask(connection, '/')
      expect([answer.status, givenBy(answer).generation, answer.keepAlive]).toEqual([200, 1, false])
    }
    const [report] = await finalReports(service, 1)
    expect(report?.drain).toMatchObject({ open: 11, moved: 0, closed: 11, lost: 0, cut: [] })
  },
)

test('C60: when the next release speaks TLS on the listener, a running event stream stays in the predecessor and ends cleanly', async () => {
  const streaming = `
    server.removeAllListeners('request')
    server.on('request', (_request, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' }).write('data: 1\\n\\n')
      handle.onHandover(response, (move) => move({}))
    })`
  const { service, deploy } = await startRelease({
    config: { graceful: { ...graceful, drainTimeoutMs: 1_000 } },
    text: release({ beforeListen: streaming }),
  })
  const stream = await connect(service.target)
  await stream.write(get('/'))
  await stream.head()
  deploy(releaseOf(others.https as string))
  await service.reload()
  expect(await stream.closed).toMatchObject({ how: 'end' })
  const [report] = await finalReports(service, 1)
  expect(report?.drain).toMatchObject({ open: 1, moved: 0, closed: 1, lost: 0, cut: [] })
})
