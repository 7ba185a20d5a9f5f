// How a service under `handover run` ends: politely, when told twice at once, at its limit, and with which code.
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

/** What a terminal does at Ctrl-C: every process of the group gets it. */
function interrupt(service: Service): void {
  // The supervisor last: it ends the others at the second one.
  for (const pid of service.processes().sort((one, other) => other - one)) process.kill(pid, 'SIGINT')
}

const isShutdown = ({ because }: { because?: string }) => because === 'shutdown'

test('C54: Ctrl-C once drains, although every process gets the signal: the request is answered', async () => {
  const service = await startRun('http.mjs')
  const { request: connection, open } = await inFlight(service.target)
  interrupt(service)
  await service.event(isShutdown)
  await until('nobody accepts', () => isRefused(service.target))
  open()
  expect((await connection.response()).text).toBe('ok')
  expect(await service.exitOf(service.pid)).toMatchObject({ code: 0 })
  expect(service.processes()).toEqual([])
})

test('C54: Ctrl-C twice cuts, and the exit code says so', async () => {
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

test('a successor that was not ready yet and is ended with the service has no part in the exit code', async () => {
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

/** Answers, and never gives the event loop back. */
const deaf = `
    import http from 'node:http'
    const server = http.createServer((request, response) => {
      response.end('ok')
      if (request.url === '/spin') setImmediate(() => { for (;;); })
    })
    tellOf(graceful(server, config.graceful))
    server.listen({ port: 0, host: '127.0.0.1' }, () => tell('listening', { addresses: [server.address()] }))`

test('C54: a worker that ignores everything is ended at its limit, and the exit code tells of the signal', async () => {
  const service = await startRun(programFile(deaf), { run: ['--drain-timeout', '100ms'] })
  await ask(await connect(service.target), '/spin')
  service.signal('SIGTERM', service.pid)
  expect(await service.exitOf(service.pid)).toMatchObject({ code: 128 + 9 })
  expect(service.processes()).toEqual([])
})

test('C54: a reload says of a worker that hangs that it does, and another one can take its place', async () => {
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

test('C54: a stopped worker ignores an order to reload that it reads too late', async () => {
  const service = await startRun('http.mjs', { config: { graceful: { probationMs: 20 } } })
  const { pid } = service.serving
  service.signal('SIGSTOP', pid)
  service.signal('SIGHUP', service.pid)
  await service.line(/the reload failed: Worker \d+ did not respond within 5000 ms/)
  service.signal('SIGCONT', pid)
  await service.line(/ignoring an order to reload that was read \d+ ms too late/)
  expect(await whoServes(service.target)).toEqual({ pid, generation: 1 })
  await rollWorkers(service)
  expect(await whoServes(service.target)).toMatchObject({ generation: 2 })
})

test('C54: --drain-timeout wins over the option of the program', async () => {
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

test('C54: SIGTERM while the first worker starts ends both', async () => {
  const service = launchRun('http.mjs', { config: { release: '' }, env: { EVIL: '{"hang":true}' } })
  await service.event('started')
  service.signal('SIGTERM', service.pid)
  expect(await service.exitOf(service.pid)).toMatchObject({ code: 128 + 15 })
  expect(service.processes()).toEqual([])
})

test('C54: SIGTERM in the middle of a reload ends the successor, too', async () => {
  const service = await startRun('http.mjs', { config: { graceful: { probationMs: 60_000 } } })
  service.signal('SIGHUP', service.pid)
  await service.event(({ onProbation }) => onProbation === true)
  service.signal('SIGTERM', service.pid)
  expect(await service.exitOf(service.pid)).toMatchObject({ code: 0 })
  expect(service.processes()).toEqual([])
})

test('C54: SIGTERM to one worker alone drains it, and another takes its place', async () => {
  const service = await startRun('http.mjs')
  const { pid } = service.serving
  const afterIndex = service.lastIndex
  service.signal('SIGTERM', pid)
  expect(await service.event(isReady, { afterIndex })).toMatchObject({ generation: 2 })
  await service.exitOf(pid)
  expect(service.processes()).toContain(service.pid)
})

test('C54: SIGUSR1 and SIGUSR2 are for the workers', async () => {
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

test('C54: when the supervisor is killed its workers finish, and another one can start at once', async () => {
  const service = await startRun('http.mjs', { run: ['--workers', '2'] })
  const { request: connection, open } = await inFlight(service.target)
  const listen = { host: '127.0.0.1', port: 'port' in service.target ? service.target.port : 0 }
  service.signal('SIGKILL', service.pid)
  await service.line(/the supervisor \d+ has gone: shutting down/)
  const next = await startRun('http.mjs', { run: ['--workers', '2'], config: { listen } })
  expect((await ask(await connect(next.target), '/')).status).toBe(200)
  open()
  expect((await connection.response()).text).toBe('ok')
  for (const pid of service.processes()) await service.exitOf(pid)
})
