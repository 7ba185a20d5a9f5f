// How a service under `handover run` stops: gracefully, after a second signal or at its limit, and its exit codes.
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { isReady } from '../support/generations.js'
import { ask, connect, inFlight, isRefused } from '../support/http.js'
import { programFile } from '../support/program.js'
import type { Service } from '../support/service.js'
import { launchRun, rollWorkers, startRun } from '../support/supervised.js'
import { tempDir } from '../support/temp-dir.js'
import { until } from '../support/until.js'
import { whoServes } from '../support/who.js'

/** Sends SIGINT to every process of the group, as a terminal does at Ctrl-C. */
function interrupt(service: Service): void {
  // The supervisor is last because it ends the workers at the second signal.
  for (const pid of service.processes().sort((one, other) => other - one)) process.kill(pid, 'SIGINT')
}

const isShutdown = ({ because }: { because?: string }) => because === 'shutdown'

test('C54: one Ctrl-C drains and the in-flight request is answered, although every process gets the signal', async () => {
  const service = await startRun('http.mjs')
  const { request: connection, open } = await inFlight(service.target)
  interrupt(service)
  await service.event(isShutdown)
  await until('new connections are refused', () => isRefused(service.target))
  open()
  expect((await connection.response()).text).toBe('ok')
  expect(await service.exitOf(service.pid)).toMatchObject({ code: 0 })
  expect(service.processes()).toEqual([])
})

test('C54: a second Ctrl-C cuts connections, and handover run exits with 1', async () => {
  const service = await startRun('http.mjs')
  const { request: connection } = await inFlight(service.target)
  interrupt(service)
  await service.event(isShutdown)
  interrupt(service)
  await connection.closed
  expect(await service.exitOf(service.pid)).toMatchObject({ code: 1 })
  expect(service.output).toContain('SIGINT again: cutting the drain short')
  expect(service.processes()).toEqual([])
})

test('a successor that is not ready when the service stops does not affect the exit code', async () => {
  const file = join(tempDir(), 'release')
  const service = await startRun('http.mjs', { config: { release: file } })
  writeFileSync(file, JSON.stringify({ hang: true }))
  const afterIndex = service.lastIndex
  service.signal('SIGHUP', service.pid)
  await service.event('started', { afterIndex })
  service.signal('SIGTERM', service.pid)
  expect(await service.exitOf(service.pid)).toMatchObject({ code: 0 })
  expect(service.processes()).toEqual([])
})

test('a replacement that is not ready when the service stops does not affect the exit code', async () => {
  const file = join(tempDir(), 'release')
  const service = await startRun('http.mjs', { config: { release: file } })
  writeFileSync(file, JSON.stringify({ hang: true }))
  const afterIndex = service.lastIndex
  service.signal('SIGKILL')
  await service.event('started', { afterIndex })
  service.signal('SIGTERM', service.pid)
  expect(await service.exitOf(service.pid)).toMatchObject({ code: 0 })
})

/** Answers, and then blocks the event loop forever. */
const deaf = `
    import http from 'node:http'
    const server = http.createServer((request, response) => {
      response.end('ok')
      if (request.url === '/spin') setImmediate(() => { for (;;); })
    })
    tellOf(graceful(server, config.graceful))
    server.listen({ port: 0, host: '127.0.0.1' }, () => tell('listening', { addresses: [server.address()] }))`

test('C54: the supervisor kills an unresponsive worker at its limit, and the exit code shows the signal', async () => {
  const service = await startRun(programFile(deaf), { run: ['--drain-timeout', '100ms'] })
  await ask(await connect(service.target), '/spin')
  service.signal('SIGTERM', service.pid)
  expect(await service.exitOf(service.pid)).toMatchObject({ code: 128 + 9 })
  expect(service.processes()).toEqual([])
})

test('C54: a reload reports a hanging worker, and a replacement starts when it is killed', async () => {
  const service = await startRun(programFile(deaf), { config: { graceful: { probationMs: 20 } } })
  await ask(await connect(service.target), '/spin')
  service.signal('SIGHUP', service.pid)
  await service.line(
    /the reload failed: Worker \d+ did not respond within 5000 ms \(is its event loop blocked\?\)/,
  )
  const afterIndex = service.lastIndex
  service.signal('SIGKILL', service.serving.pid)
  await service.event(isReady, { afterIndex })
  expect((await ask(await connect(service.target), '/')).text).toBe('ok')
})

test('C54: a suspended worker ignores a reload order that it reads too late', async () => {
  const service = await startRun('http.mjs', { config: { graceful: { probationMs: 20 } } })
  const { pid } = service.serving
  service.signal('SIGSTOP', pid)
  service.signal('SIGHUP', service.pid)
  await service.line(/the reload failed: Worker \d+ did not respond within 5000 ms/)
  service.signal('SIGCONT', pid)
  await service.line(/ignoring a reload order: this process read it \d+ ms too late/)
  expect(await whoServes(service.target)).toEqual({ pid, generation: 1 })
  await rollWorkers(service)
  expect(await whoServes(service.target)).toMatchObject({ generation: 2 })
})

test("C54: --drain-timeout overrides the program's option", async () => {
  const service = await startRun('http.mjs', {
    run: ['--drain-timeout', '200ms'],
    config: { graceful: { drainTimeoutMs: 60_000 } },
  })
  await inFlight(service.target)
  service.signal('SIGTERM', service.pid)
  const { report } = await service.event('report')
  expect(report).toMatchObject({ drain: { timedOut: true } })
  expect(await service.exitOf(service.pid)).toMatchObject({ code: 1 })
})

test('C54: SIGTERM while the first worker starts ends the worker and the supervisor', async () => {
  const service = launchRun('http.mjs', { config: { release: '' }, env: { EVIL: '{"hang":true}' } })
  await service.event('started')
  service.signal('SIGTERM', service.pid)
  expect(await service.exitOf(service.pid)).toMatchObject({ code: 128 + 15 })
  expect(service.processes()).toEqual([])
})

test('C54: SIGTERM during a reload also ends the successor', async () => {
  const service = await startRun('http.mjs', { config: { graceful: { probationMs: 60_000 } } })
  service.signal('SIGHUP', service.pid)
  await service.event(({ onProbation }) => onProbation === true)
  service.signal('SIGTERM', service.pid)
  expect(await service.exitOf(service.pid)).toMatchObject({ code: 0 })
  expect(service.processes()).toEqual([])
})

test('C54: SIGTERM to a single worker drains it, and the supervisor replaces it', async () => {
  const service = await startRun('http.mjs')
  const { pid } = service.serving
  const afterIndex = service.lastIndex
  service.signal('SIGTERM', pid)
  expect(await service.event(isReady, { afterIndex })).toMatchObject({ generation: 2 })
  await service.exitOf(pid)
  expect(service.processes()).toContain(service.pid)
})

test('C54: the supervisor forwards SIGUSR1 and SIGUSR2 to the workers', async () => {
  const program = `
    import http from 'node:http'
    const server = http.createServer((_request, response) => response.end('ok'))
    tellOf(graceful(server))
    for (const signal of ['SIGUSR1', 'SIGUSR2']) process.on(signal, () => tell('signal', { signal }))
    server.listen({ port: 0, host: '127.0.0.1' }, () => tell('listening', { addresses: [server.address()] }))`
  const service = await startRun(programFile(program))
  service.signal('SIGUSR2', service.pid)
  await service.event(({ event, signal }) => event === 'signal' && signal === 'SIGUSR2')
  service.signal('SIGUSR1', service.pid)
  await service.event(({ event, signal }) => event === 'signal' && signal === 'SIGUSR1')
})

test('C54: when the supervisor is killed, its workers drain and a new supervisor can start at once', async () => {
  const service = await startRun('http.mjs', { run: ['--workers', '2'] })
  const { request: connection, open } = await inFlight(service.target)
  const listen = { host: '127.0.0.1', port: 'port' in service.target ? service.target.port : 0 }
  service.signal('SIGKILL', service.pid)
  await service.line(/supervisor \d+ has exited: shutting down/)
  await until('both workers have closed the port', () => isRefused(service.target))
  const next = await startRun('http.mjs', { run: ['--workers', '2'], config: { listen } })
  expect((await ask(await connect(next.target), '/')).status).toBe(200)
  open()
  expect((await connection.response()).text).toBe('ok')
  for (const pid of service.processes()) await service.exitOf(pid)
})
