// Hooks around a drain: their arguments, when they run, and how a failure is reported.
import { expect, test } from 'vitest'
import { startProgram } from '../support/program.js'

const program = `
  import http from 'node:http'
  const server = http.createServer((request, response) => response.end('ok'))
  const handle = graceful(server, { health: { readiness: '/readyz' }, lingerMs: 0, probationMs: 20, ...config.graceful })
  tellOf(handle)
  const status = async (path) => (await fetch('http://127.0.0.1:' + server.address().port + path)).status
  handle.beforeDrain(async (leave) => {
    const statuses = server.listening ? [await status('/'), await status('/readyz')] : []
    tell('before-drain', { ...leave, statuses })
    if (config.fail) throw new Error('not registered')
  })
  handle.onDrained(async (report, leave) => {
    tell('drained', { report, ...leave })
    if (config.fail) throw new Error('no database')
  })
  process.on('SIGUSR2', async () => tell('shut-down', await handle.shutdown()))
  server.listen(0, '127.0.0.1', () => tell('listening', { addresses: [server.address()] }))`

test('at a shutdown, beforeDrain hooks run while the server still accepts and readiness is 503; all hooks get the signal', async () => {
  const service = await startProgram(program)
  service.signal('SIGTERM')
  const before = await service.event('before-drain')
  expect(before).toMatchObject({ reason: 'shutdown', signal: 'SIGTERM', statuses: [200, 503] })
  const drained = await service.event('drained')
  expect(drained).toMatchObject({ reason: 'shutdown', signal: 'SIGTERM' })
  expect(drained.report).toMatchObject({ generation: 1, drain: { because: 'shutdown', cut: [] } })
  expect(await service.exitOf(service.pid)).toMatchObject({ code: 0 })
})

test('at a handover, beforeDrain hooks get that reason, and the listeners are already closed', async () => {
  const service = await startProgram(program)
  const { from } = await service.reload()
  const before = await service.event('before-drain')
  expect(before).toMatchObject({ pid: from.pid, reason: 'handed-over', statuses: [] })
  expect(before).not.toHaveProperty('signal')
  expect(await service.event('drained')).toMatchObject({ pid: from.pid, reason: 'handed-over' })
  expect(await service.exitOf(from.pid)).toMatchObject({ code: 0 })
})

test('shutdown() resolves with the failed hooks after all have run, and the process exits with 1', async () => {
  const service = await startProgram(program, { config: { fail: true } })
  service.signal('SIGUSR2')
  const report = await service.event('shut-down')
  expect(report).toMatchObject({
    because: 'shutdown',
    hookFailures: [
      { hook: 'beforeDrain hook 1', error: { name: 'Error', message: 'not registered' } },
      { hook: 'onDrained hook 1', error: { name: 'Error', message: 'no database' } },
    ],
  })
  expect(report.index).toBeGreaterThan((await service.event('drained')).index)
  expect(await service.exitOf(service.pid)).toMatchObject({ code: 1 })
})

test('a beforeDrain hook that hangs times out at hookTimeoutMs, and the drain continues', async () => {
  const hang = "handle.beforeDrain(() => { tell('hangs'); return new Promise(() => {}) })"
  const text = program.replace("process.on('SIGUSR2'", `${hang}\nprocess.on('SIGUSR2'`)
  const service = await startProgram(text, { config: { graceful: { hookTimeoutMs: 100 } } })
  service.signal('SIGTERM')
  await service.line(/beforeDrain hook 2 failed: .* timed out after 100 ms/)
  await service.event('drained')
  expect(await service.exitOf(service.pid)).toMatchObject({ code: 1 })
})
