// exit: false, for tests and embedding: after a shutdown the process keeps running without any trace of Handover.
import { expect, test } from 'vitest'
import { coreUrl, evaluate, startProgram } from '../support/program.js'
import { tempDir } from '../support/temp-dir.js'

/** One server starts and shuts down twice in one process. Records the globals before, during and after. */
const twice = `
  import http from 'node:http'
  import net from 'node:net'
  import { once } from 'node:events'
  import { graceful } from '${coreUrl}'
  const world = () => ({
    listen: net.Server.prototype.listen,
    signals: ['SIGTERM', 'SIGINT', 'SIGHUP'].map((signal) => process.listenerCount(signal)),
    observed: Object.hasOwn(server, 'emit'),
  })
  const server = http.createServer((request, response) => response.end('ok'))
  const untouched = world()
  const ran = []
  const told = []
  for (const life of ['first', 'second']) {
    const handle = graceful(server, { exit: false, lingerMs: 0, logger: false, health: { liveness: '/livez' } })
    handle.beforeDrain(() => ran.push(life + ' before'))
    handle.onDrained(() => { ran.push(life + ' drained'); throw new Error('no database') })
    server.listen(0, '127.0.0.1')
    await handle.ready()
    const { port } = server.address()
    const get = async (path) => (await fetch('http://127.0.0.1:' + port + path)).text()
    told.push(handle.generation, await get('/'), (await get('/livez')).slice(0, 14), handle.connections().requests)
    const during = world()
    const [report] = await Promise.all([handle.shutdown(), once(server, 'close')])
    const after = world()
    told.push(handle.state, server.listening, report.because, report.hookFailures.length, handle.connections().total)
    told.push(during.listen !== untouched.listen && during.observed)
    told.push(Object.keys(untouched).filter((name) => String(after[name]) !== String(untouched[name])))
  }
  console.log(JSON.stringify({ ran, told }))`

test('a shutdown restores every global, the same server can start again, and then the process exits by itself', async () => {
  const life = [1, 'ok', '{"status":"ok"', 2, 'exited', false, 'shutdown', 1, 0, true, []]
  expect(await evaluate(twice)).toEqual({
    ran: ['first before', 'first drained', 'second before', 'second drained'],
    told: [...life, ...life],
  })
})

const embedding = `
  import http from 'node:http'
  import { existsSync } from 'node:fs'
  const server = http.createServer((request, response) => response.end('ok'))
  const handle = graceful(server, { exit: false, lingerMs: 0, probationMs: 20, ...config.graceful })
  tellOf(handle)
  handle.onDrained(() => tell('drained'))
  setInterval(() => {
    if (handle.state === 'exited') tell('after', { listeners: process.listenerCount('SIGTERM'), files: config.files.map(existsSync) })
  }, 5)
  server.listen(0, '127.0.0.1', () => tell('listening', { addresses: [server.address()] }))`

test('SIGTERM with exit: false drains and removes the PID file and the control socket; the process keeps running until the next SIGTERM', async () => {
  const [pidFile, control] = [`${tempDir()}/pid`, `${tempDir()}/control`]
  const service = await startProgram(embedding, {
    config: { graceful: { pidFile, control }, files: [pidFile, control] },
  })
  service.signal('SIGTERM')
  await service.event('drained')
  const { files } = await service.event(({ event, listeners }) => event === 'after' && listeners === 0)
  expect(files).toEqual([false, false])
  expect(service.processes()).toEqual([service.pid])
  service.signal('SIGTERM')
  expect(await service.exitOf(service.pid)).toMatchObject({ signal: 'SIGTERM' })
})

test('after a handover the predecessor still exits', async () => {
  const service = await startProgram(embedding, { config: { files: [] } })
  const { from } = await service.reload()
  expect(await service.exitOf(from.pid)).toMatchObject({ code: 0 })
})

test('a failing beforeReady hook makes ready() reject, and the process keeps running', async () => {
  const program = `
    import http from 'node:http'
    import { graceful } from '${coreUrl}'
    const server = http.createServer()
    const handle = graceful(server, { exit: false, logger: false })
    handle.beforeReady(() => { throw new Error('no database') })
    server.listen(0, '127.0.0.1')
    const why = await handle.ready().catch((error) => error.message)
    server.close()
    console.log(JSON.stringify([why, process.listenerCount('SIGTERM')]))`
  expect(await evaluate(program)).toEqual(['no database', 0])
})
