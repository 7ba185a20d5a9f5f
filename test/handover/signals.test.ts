// Signals at moments when the program cannot handle them yet.
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { isHandedOver, isReady } from '../support/generations.js'
import { gate } from '../support/http.js'
import { underLoad } from '../support/load.js'
import { descendantsOf } from '../support/processes.js'
import { launchProgram } from '../support/program.js'
import { type Outcome, release, requestReload, startRelease } from '../support/release.js'
import { type Service, startService } from '../support/service.js'
import { tempDir } from '../support/temp-dir.js'
import { until } from '../support/until.js'
import { whoServes } from '../support/who.js'

const patient = { shutdownDelayMs: 600_000, lingerMs: 600_000, drainTimeoutMs: 600_000 }

const starting = {
  'that listens and never calls ready()': `
    const handle = graceful(server, { ...config.graceful, ready: 'manual' })`,
  'whose beforeReady hook hangs': `
    const handle = graceful(server, config.graceful).beforeReady(() => new Promise(() => {}))`,
}

test.each(Object.entries(starting))(
  'C15: SIGTERM ends a first generation %s at once and leaves nothing behind',
  async (_, text) => {
    const folder = tempDir()
    const [path, pidFile] = [join(folder, 'socket'), join(folder, 'pid')]
    const service = launchProgram(
      `import http from 'node:http'
    const server = http.createServer()
    ${text}
    tellOf(handle)
    server.listen(config.path, () => tell('listening'))`,
      { config: { path, graceful: { ...patient, pidFile } } },
    )
    await service.event('listening')
    expect(existsSync(path)).toBe(true)
    service.signal('SIGTERM', service.pid)
    expect(await service.exitOf(service.pid)).toEqual({ pid: service.pid, code: 0 })
    expect(service.facts.some(isReady)).toBe(false)
    expect([existsSync(path), existsSync(pidFile)]).toEqual([false, false])
  },
)

const ownObserver = "process.on('SIGTERM', () => tell('observed'))"

test.each([
  ['before graceful()', ownObserver, ''],
  ['after graceful()', '', ownObserver],
])(
  'C15: a program with its own SIGTERM observer (added %s) shuts down when it listens if the signal came earlier',
  async (_, before, after) => {
    const proceed = gate()
    const service = launchProgram(`
      import { existsSync } from 'node:fs'
      import net from 'node:net'
      const server = net.createServer()
      ${before}
      const handle = graceful(server, config.graceful).beforeReady(() => tell('hook'))
      tellOf(handle)
      ${after}
      tell('waits')
      while (!existsSync('${proceed.file}')) await new Promise((resolve) => setTimeout(resolve, 5))
      server.listen(0, '127.0.0.1')`)
    await service.event('waits')
    service.signal('SIGTERM', service.pid)
    await service.event('observed')
    proceed.open()
    expect(await service.exitOf(service.pid)).toEqual({ pid: service.pid, code: 0 })
    const told = service.facts.map(({ event, state }) => state ?? event)
    expect(told).toEqual(['waits', 'observed', 'draining', 'report', 'exited'])
  },
)

test('C15: a program that has removed its SIGTERM observer ends at once if the signal comes before the first listen', async () => {
  const service = launchProgram(`
    import net from 'node:net'
    const gone = () => {}
    process.on('SIGTERM', gone).once('SIGTERM', gone)
    graceful(net.createServer())
    process.on('SIGTERM', gone)
    process.removeListener('SIGTERM', gone).removeListener('SIGTERM', gone).removeListener('SIGTERM', gone)
    tell('waits', { observers: process.listenerCount('SIGTERM') })
    setInterval(() => {}, 60_000)`)
  expect(await service.event('waits')).toMatchObject({ observers: 0 })
  service.signal('SIGTERM', service.pid)
  expect(await service.exitOf(service.pid)).toEqual({ pid: service.pid, signal: 'SIGTERM' })
})

test.each(['SIGTERM', 'SIGINT'] as const)(
  'C15: %s ends a successor that is still starting, and nothing else',
  async (signal) => {
    const listen = { path: join(tempDir(), 'socket') }
    const { service, deploy } = await startRelease({ config: { listen, graceful: patient } })
    deploy(release({ options: "{ ready: 'manual' }" }))
    let outcome: Outcome = {}
    const load = await underLoad(listen, async () => {
      const reload = requestReload(listen)
      const { pid } = await service.event(
        ({ generation, event }) => generation === 2 && event === 'listening',
      )
      service.signal(signal, pid)
      outcome = await reload
    })
    expect(load.failures).toEqual([])
    expect(outcome).toMatchObject({
      code: 'ERR_HANDOVER_SUCCESSOR_EXITED',
      report: { failure: { exitCode: 0, lost: 0 } },
    })
    expect(await whoServes(listen)).toEqual({ pid: service.pid, generation: 1 })
  },
)

/** The generations that were ready, in order. */
const generations = ({ facts }: Service) => [
  ...new Set(facts.filter(isReady).map(({ generation }) => generation)),
]

test('C16: SIGHUPs to a successor that has not loaded core yet do not end it and start one reload', async () => {
  const { service, deploy } = await startRelease({ config: { graceful: { probationMs: 100 } } })
  const proceed = gate()
  deploy(
    release({
      first: `
        const { existsSync } = await import('node:fs')
        if (!existsSync('${proceed.file}')) {
          tell('waits')
          while (!existsSync('${proceed.file}')) await new Promise((resolve) => setTimeout(resolve, 5))
        }`,
    }),
  )
  service.signal('SIGHUP')
  const { pid } = await service.event('waits')
  for (let i = 0; i < 20; i++) service.signal('SIGHUP', pid)
  proceed.open()
  await service.event((fact) => isHandedOver(fact) && fact.generation === 2)
  await service.exitOf(pid)
  expect(await whoServes(service.target)).toMatchObject({ generation: 3 })
  expect(generations(service)).toEqual([1, 2, 3])
})

test('C16: SIGHUPs to a successor on probation start one reload once it is proven', async () => {
  // Only the first reload must last longer than a slow machine takes to send the signals.
  const { service, deploy } = await startRelease({ text: release({ options: '{ probationMs: 5_000 }' }) })
  deploy(release({ options: '{ probationMs: 100 }' }))
  service.signal('SIGHUP')
  const { pid } = await service.event(({ onProbation }) => onProbation === true)
  for (let i = 0; i < 20; i++) process.kill(pid, 'SIGHUP')
  await service.event((fact) => isHandedOver(fact) && fact.generation === 2)
  await service.exitOf(pid)
  expect(await whoServes(service.target)).toMatchObject({ generation: 3 })
  expect(generations(service)).toEqual([1, 2, 3])
})

test('C16: a SIGHUP to a first generation that is not ready yet starts a reload once it is', async () => {
  const service = launchProgram(`
    import net from 'node:net'
    const server = net.createServer()
    const handle = graceful(server, { ready: 'manual', probationMs: 0 })
    tellOf(handle)
    process.on('SIGUSR2', () => handle.ready())
    server.listen(0, '127.0.0.1', () => { tell('listening'); if (handle.generation > 1) handle.ready() })`)
  await service.event('listening')
  service.signal('SIGHUP', service.pid)
  await service.line(/SIGHUP: keeping it until generation 1 owns the service/)
  service.signal('SIGUSR2', service.pid)
  await service.event((fact) => isHandedOver(fact) && fact.generation === 1)
  expect(await service.exitOf(service.pid)).toMatchObject({ code: 0 })
})

test('C16: a SIGHUP to a successor before any of its code runs does not fail the reload', async () => {
  const service = await startService('http.mjs', { config: { graceful: { probationMs: 100 } } })
  const signalled = new Set<number>()
  const isOver = () => service.facts.some(isHandedOver)
  const fresh = () => descendantsOf(service.pid).filter((pid) => !signalled.has(pid))
  const load = await underLoad(service.target, async () => {
    service.signal('SIGHUP')
    // Signals up to three new processes as early as possible: whether the signal kills one depends on timing.
    while (signalled.size < 3 && !isOver()) {
      await until('a successor exists', () => fresh().length > 0 || isOver())
      for (const pid of fresh()) {
        process.kill(pid, 'SIGHUP')
        signalled.add(pid)
      }
    }
    await service.event(isHandedOver)
    // A successor keeps a later signal and then starts another reload.
    await until('only one generation runs', () => service.processes().length === 1)
  })
  expect(load.failures).toEqual([])
  expect(signalled.size).toBeGreaterThan(0)
  expect(service.facts.filter(({ event }) => event === 'reload-failed')).toEqual([])
})

test('C16: SIGTERM to a predecessor that has just started its successor ends both', async () => {
  const service = await startService('http.mjs')
  service.signal('SIGHUP')
  await service.event(({ state }) => state === 'handing-over')
  service.signal('SIGTERM', service.pid)
  expect(await service.exitOf(service.pid)).toMatchObject({ code: 0 })
  expect(service.processes()).toEqual([])
})
