// graceful(server) on a server that already listens: a shutdown drains gracefully, including earlier connections.
import { writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { connect as connectTls } from 'node:tls'
import { pathToFileURL } from 'node:url'
import { describe, expect, test } from 'vitest'
import { ask, askOnce, connect, gate, get, isRefused } from '../support/http.js'
import { isRunning } from '../support/processes.js'
import { launchProgram } from '../support/program.js'
import { type Service, targetOf } from '../support/service.js'
import { tempDir } from '../support/temp-dir.js'
import { until } from '../support/until.js'

/** Listens with http, https and net, and calls graceful() for each server when the file exists. */
const program = `
  import http from 'node:http'
  import https from 'node:https'
  import net from 'node:net'
  import { existsSync } from 'node:fs'
  import { once } from 'node:events'
  import { cert, key } from '${new URL('../fixtures/tls.mjs', import.meta.url)}'
  import { held } from '${new URL('../fixtures/routes.mjs', import.meta.url)}'
  const answer = async (request, response) => {
    const { pathname, searchParams } = new URL(request.url, 'http://localhost')
    if (pathname === '/reload') return response.end(await handle.reload().catch(({ code }) => code))
    if (!searchParams.has('by')) return response.end(JSON.stringify({ holding, connections: handle?.connections() }))
    holding++
    response.end(await held(searchParams.get('by')))
  }
  const servers = [http.createServer(answer), https.createServer({ cert, key }, answer), net.createServer((socket) => socket.pipe(socket))]
  let handle
  let holding = 0
  for (const server of servers) await once(server.listen(0, '127.0.0.1'), 'listening')
  tell('listening', { addresses: servers.map((server) => server.address()) })
  while (!existsSync(config.file)) await new Promise((resolve) => setTimeout(resolve, 5))
  for (const server of servers) handle = graceful(server, { lingerMs: 300, drainTimeoutMs: 20_000 })
  tellOf(handle)`

const isReady = ({ event, state }: { event: string; state?: string }) =>
  event === 'state' && state === 'ready'

/** The service, and `attach`, which makes it call graceful(). */
async function start() {
  const file = join(tempDir(), 'attach')
  const service = launchProgram(program, { config: { file } })
  const { addresses = [] } = await service.event('listening')
  const attach = async () => {
    writeFileSync(file, '')
    await service.event(isReady)
  }
  return {
    service,
    attach,
    targets: addresses.map(targetOf),
    ports: addresses.map((each) => (each as { port: number }).port),
  }
}

const countWarnings = (service: Service) => service.output.split('called after listen()').length - 1

test('connections opened before graceful() drain: in-flight responses announce the close, idle connections get lingerMs, raw ones hold the drain', async () => {
  const { service, attach, targets, ports } = await start()
  const [plain = targetOf(undefined), , raw = plain] = targets
  const held = gate()
  const [busy, idle, talker] = [await connect(plain), await connect(plain), await connect(raw)]
  await busy.write(get(held.path))
  await ask(idle, '/')
  const secure = connectTls({ port: ports[1], host: '127.0.0.1', rejectUnauthorized: false })
  let told = ''
  // The service exits right after its last response, which may reset the connection.
  secure.on('error', () => secure.destroy())
  secure.setEncoding('utf8').on('data', (text) => {
    told += text
  })
  secure.write(get(held.path))
  const state = async () => JSON.parse((await ask(idle, '/')).text)
  await until('both requests are in flight', async () => (await state()).holding === 2)
  await attach()
  const { http1, https, raw: others } = (await state()).connections
  expect([http1, https, others]).toEqual([
    { idle: 0, busy: 2 },
    { idle: 0, busy: 1 },
    { idle: 0, busy: 1 },
  ])
  expect(countWarnings(service)).toBe(1)

  service.signal('SIGTERM', service.pid)
  await until('no connection is accepted', () => isRefused(plain))
  expect(await idle.closed).toMatchObject({ how: 'end' })
  held.open()
  expect(await busy.response()).toMatchObject({ text: 'ok', keepAlive: false })
  await until('the response over TLS has arrived', async () => told.includes('ok'))
  expect(told).toMatch(/^connection: close\r$/im)
  expect(isRunning(service.pid)).toBe(true)
  talker.close()
  expect(await service.exitOf(service.pid)).toMatchObject({ code: 0 })
})

test('a reload by the handle or by a signal fails with the reason, and the service keeps serving', async () => {
  const { service, attach, targets } = await start()
  const [target = targetOf(undefined)] = targets
  await attach()
  expect((await askOnce(target, '/reload')).text).toBe('ERR_HANDOVER_ALREADY_LISTENING')
  service.signal('SIGHUP', service.pid)
  await service.line(/SIGHUP ignored: A reload is not possible: graceful\(\) was called after listen\(\)/)
  expect((await askOnce(target, '/')).status).toBe(200)
  service.signal('SIGTERM', service.pid)
  expect(await service.exitOf(service.pid)).toMatchObject({ code: 0 })
})

test('a successor that calls graceful too late fails the reload with the reason', async () => {
  const service = launchProgram(`
    import http from 'node:http'
    import { once } from 'node:events'
    const server = http.createServer((request, response) => response.end('ok'))
    const isSuccessor = process.channel !== undefined || globalThis[Symbol.for('handover.early')] !== undefined
    if (isSuccessor) await once(server.listen(0, '127.0.0.1'), 'listening')
    const handle = graceful(server, { lingerMs: 0 })
    tellOf(handle)
    if (!isSuccessor) server.listen(0, '127.0.0.1', () => tell('listening', { addresses: [server.address()] }))`)
  await service.event('listening')
  await service.event(isReady)
  service.signal('SIGHUP')
  const { message, report } = await service.event('reload-failed')
  expect(message).toContain('called after listen() in a process that inherits its listeners')
  expect(report).toMatchObject({ failure: { cause: { code: 'ERR_HANDOVER_ALREADY_LISTENING' } } })
  expect((await askOnce(service.target, '/')).text).toBe('ok')
})

const urlOf = (name: string) => pathToFileURL(createRequire(import.meta.url).resolve(name)).href

describe.each([
  ['node:http', `graceful(server, options)`],
  ['Express', `adapter(app, options)`],
  ['Koa', `adapter(app, options)`],
])('%s', (name, attach) => {
  const framework = name.toLowerCase()
  const create = {
    'node:http': `
      import http from 'node:http'
      const listen = (...args) => server.listen(...args)
      const server = http.createServer((request, response) => response.end('ok'))`,
    Express: `
      import express from '${urlOf('express')}'
      import adapter from '${urlOf('@handover/express')}'
      const app = express()
      app.get('/', (request, response) => response.send('ok'))
      const listen = (...args) => app.listen(...args)`,
    Koa: `
      import Koa from '${urlOf('koa')}'
      import adapter from '${urlOf('@handover/koa')}'
      const app = new Koa()
      app.use((context) => { context.body = 'ok' })
      const listen = (...args) => app.listen(...args)`,
  }[name]

  test.each([
    ['in the same turn, with a host', `0, '127.0.0.1'`, ''],
    ['in the same turn, without a host', '0', ''],
    ['when it listens', `0, '127.0.0.1'`, `await once(listening, 'listening')`],
  ])(
    `graceful() after listen, ${framework}, %s: a warning at once, and the process survives a reload signal`,
    async (_, args, wait) => {
      const service = launchProgram(`
      import { once } from 'node:events'
      ${create}
      const listening = listen(${args})
      ${wait}
      const options = { lingerMs: 0 }
      const handle = ${attach}
      ${name === 'node:http' ? '' : 'app.use(handle)'}
      tellOf(handle)
      const report = () => tell('listening', { addresses: [listening.address()] })
      if (listening.listening) report()
      else listening.on('listening', report)`)
      await service.event('listening')
      await service.event(isReady)
      expect(countWarnings(service)).toBe(1)
      service.signal('SIGHUP', service.pid)
      await service.line(/SIGHUP ignored: A reload is not possible/)
      expect((await askOnce({ ...service.target, host: '127.0.0.1' } as never, '/')).status).toBe(200)
      service.signal('SIGTERM', service.pid)
      expect(await service.exitOf(service.pid)).toMatchObject({ code: 0 })
    },
  )
})
