// A drain without an exit: handle.drain() closes one server or all, and the process keeps running.
import { existsSync } from 'node:fs'
import { expect, test } from 'vitest'
import { ask, askOnce, connect, gate, get, isRefused } from '../support/http.js'
import { programFile, startProgram } from '../support/program.js'
import { type Service, targetOf } from '../support/service.js'
import { rollWorkers, startRun } from '../support/supervised.js'
import { tempDir } from '../support/temp-dir.js'
import { until } from '../support/until.js'

/** Longer than a slow machine takes to send a request. */
const lingerMs = 4_000

/** Requests to `admin` control the public server: /drain, /drain-all, /listen. */
const program = `
  import http from 'node:http'
  import { once } from 'node:events'
  import { held } from '${new URL('../fixtures/routes.mjs', import.meta.url)}'
  const server = http.createServer(async (request, response) => {
    const by = new URL(request.url, 'http://localhost').searchParams.get('by')
    response.end(by ? await held(by) : 'ok')
  })
  server.keepAliveTimeout = 60_000
  const handle = graceful(server, { lingerMs: ${lingerMs}, probationMs: 20, ...config.graceful })
  tellOf(handle)
  let at = config.listen
  const listen = async () => {
    await once(server.listen(at), 'listening')
    // Later calls listen on the same port.
    if (at.port === 0) at = { host: at.host, port: server.address().port }
  }
  const drain = (which) => handle.drain(which).then((report) => tell('server-drained', { report, state: handle.state }), ({ code }) => tell('refused', { code }))
  const admin = http.createServer(async (request, response) => {
    if (request.url === '/drain-all') drain()
    if (request.url === '/drain') {
      drain(server)
      while (server.listening) await new Promise(setImmediate)
    }
    if (request.url === '/listen') await listen()
    response.end(JSON.stringify(handle.connections()))
  })
  server.on('close', () => tell('closed'))
  await listen()
  await once(admin.listen(0, '127.0.0.1'), 'listening')
  tell('listening', { addresses: [server.address(), admin.address()] })`

const start = (config: object = {}) =>
  startProgram(program, { config: { listen: { port: 0, host: '127.0.0.1' }, ...config } })

async function targetsOf(service: Service) {
  const { addresses = [] } = await service.event('listening')
  return { target: targetOf(addresses[0]), admin: targetOf(addresses[1]) }
}

test('drain(server) finishes open requests, the other server keeps serving, and the server listens again', async () => {
  const service = await start()
  const { target, admin } = await targetsOf(service)
  const [busy, speaker, silent] = [await connect(target), await connect(target), await connect(target)]
  for (const idle of [speaker, silent]) await ask(idle, '/')
  const held = gate()
  await busy.write(get(held.path))
  await until(
    'the request is in flight',
    async () => JSON.parse((await askOnce(admin, '/')).text).inFlight === 2,
  )

  await askOnce(admin, '/drain')
  expect(await isRefused(target)).toBe(true)
  expect(await ask(speaker, '/')).toMatchObject({ status: 200, keepAlive: false })
  expect(await silent.closed).toMatchObject({ how: 'end' })
  expect(await askOnce(admin, '/')).toMatchObject({ status: 200, keepAlive: true })
  expect(service.facts.filter(({ event }) => event === 'closed')).toEqual([])
  held.open()
  expect(await busy.response()).toMatchObject({ text: 'ok', keepAlive: false })
  const { report, state } = await service.event('server-drained')
  expect(report).toMatchObject({ because: 'drain', open: 3, closed: 3, cut: [], timedOut: false })
  expect(state).toBe('ready')
  await service.event('closed')

  await askOnce(admin, '/listen')
  expect(await askOnce(target, '/')).toMatchObject({ text: 'ok', keepAlive: true })
})

test('a drain removes the file of a Unix socket, the next listen restores it, and a reload hands it over', async () => {
  const path = `${tempDir()}/socket`
  const service = await start({ listen: path })
  const { target, admin } = await targetsOf(service)
  await askOnce(admin, '/drain')
  await service.event('server-drained')
  expect(existsSync(path)).toBe(false)
  await askOnce(admin, '/listen')
  expect((await service.reload()).to.generation).toBe(2)
  expect((await askOnce(target, '/')).text).toBe('ok')
})

test('under handover run, a server that was drained and listens again goes to the successor', async () => {
  const path = `${tempDir()}/socket`
  const service = await startRun(programFile(program), { config: { listen: { path } } })
  const { target, admin } = await targetsOf(service)
  await askOnce(admin, '/drain')
  await service.event('server-drained')
  await until('the socket file is removed', () => !existsSync(path))
  await askOnce(admin, '/listen')
  expect((await askOnce(target, '/')).text).toBe('ok')
  const { pid } = service.serving
  await rollWorkers(service)
  await service.exitOf(pid)
  expect((await askOnce(target, '/')).text).toBe('ok')
})

test('a connection accepted after the server listens again is not part of the drain', async () => {
  const service = await start({ graceful: { lingerMs: 0 } })
  const { target, admin } = await targetsOf(service)
  const held = gate()
  const busy = await connect(target)
  await busy.write(get(held.path))
  await until(
    'the request is in flight',
    async () => JSON.parse((await askOnce(admin, '/')).text).inFlight === 2,
  )
  await askOnce(admin, '/drain')
  await askOnce(admin, '/listen')
  const later = await connect(target)
  expect(await ask(later, '/')).toMatchObject({ keepAlive: true })
  // By now the drain has checked for idle connections many times.
  await service.line(/draining: 1 connection open/)
  held.open()
  expect(await busy.response()).toMatchObject({ keepAlive: false })
  expect((await service.event('server-drained')).report).toMatchObject({ open: 1, closed: 1 })
  expect(await ask(later, '/')).toMatchObject({ status: 200, keepAlive: true })
})

test('drain() closes every server, cuts connections that are open at drainTimeoutMs, and names them', async () => {
  const service = await start({ graceful: { lingerMs: 0, drainTimeoutMs: 300 } })
  const { target, admin } = await targetsOf(service)
  const busy = await connect(target)
  await busy.write(get(gate().path))
  await until(
    'the request is in flight',
    async () => JSON.parse((await askOnce(admin, '/')).text).inFlight === 2,
  )
  const kept = await connect(admin)
  await ask(kept, '/drain-all')
  expect((await service.event('server-drained')).report).toMatchObject({
    timedOut: true,
    cut: [{ kind: 'http1', what: expect.stringMatching(/^GET \/held/) }],
  })
  await Promise.all([busy.closed, kept.closed])
  expect(await isRefused(admin)).toBe(true)
  expect(service.processes()).toEqual([service.pid])
  service.signal('SIGTERM')
  expect(await service.exitOf(service.pid)).toMatchObject({ code: 0 })
})

test('drain() fails while a successor shares the listeners', async () => {
  const service = await start({ graceful: { probationMs: 60_000, lingerMs: 0 } })
  const { admin } = await targetsOf(service)
  // A connection to the predecessor: the successor would reject the drain for another reason.
  const kept = await connect(admin)
  await ask(kept, '/')
  service.signal('SIGHUP')
  await service.event(({ onProbation }) => onProbation === true)
  await ask(kept, '/drain-all')
  expect(await service.event('refused')).toMatchObject({ pid: service.pid, code: 'ERR_HANDOVER_IN_PROGRESS' })
  service.signal('SIGTERM', service.pid)
  await service.exitOf(service.pid)
})
