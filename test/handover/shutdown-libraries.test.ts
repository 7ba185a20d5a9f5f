// Other shutdown code in the process (C75): a reload does not run it, and a shutdown runs it once, after the drain.
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { describe, expect, test } from 'vitest'
import { ask as askControl } from '../support/control.js'
import { inFlight, isRefused } from '../support/http.js'
import { programFile, startProgram } from '../support/program.js'
import { privateChannel } from '../support/release.js'
import { finalReports } from '../support/reports.js'
import { callAll, openConnections } from '../support/resting.js'
import type { Service } from '../support/service.js'
import { startRun } from '../support/supervised.js'
import { tempDir } from '../support/temp-dir.js'
import { until } from '../support/until.js'

const { resolve } = createRequire(import.meta.url)
const urlOf = (name: string) => pathToFileURL(resolve(name)).href

const http = `
  import http from 'node:http'
  import { handler } from '${new URL('../fixtures/routes.mjs', import.meta.url)}'
  const server = Object.assign(http.createServer(handler(() => handle)), { keepAliveTimeout: 60_000 })
  const handle = graceful(server, config.graceful)
  const cleanUp = (how) => tell('cleans-up', { how })`
const listen = `
  tellOf(handle)
  server.listen(0, '127.0.0.1', () => tell('listening', { generation: handle.generation, addresses: [server.address()] }))`

const libraries = {
  'a plain observer': `${http}
    for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP']) process.on(signal, () => { cleanUp(signal); process.exit(0) })
    ${listen}`,
  'close-with-grace': `${http}
    import closeWithGrace from '${urlOf('close-with-grace')}'
    closeWithGrace({ logger: false }, async ({ signal }) => { cleanUp(signal); await new Promise((done) => server.close(done)) })
    ${listen}`,
  '@godaddy/terminus': `${http}
    import terminus from '${urlOf('@godaddy/terminus')}'
    terminus.createTerminus(server, { signals: ['SIGTERM', 'SIGINT', 'SIGHUP'], useExit0: true, onSignal: async () => cleanUp('terminus') })
    ${listen}`,
  lightship: `${http}
    import { createLightship } from '${urlOf('lightship').replace('/cjs/', '/esm/')}'
    const lightship = await createLightship({ port: 0, detectKubernetes: false, shutdownDelay: 0, signals: ['SIGTERM', 'SIGINT', 'SIGHUP'] })
    lightship.registerShutdownHandler(async () => { cleanUp('lightship') })
    ${listen}`,
  'the shutdown hooks of NestJS': `
    import '${urlOf('reflect-metadata')}'
    import { Module } from '${urlOf('@nestjs/common')}'
    import { NestFactory } from '${urlOf('@nestjs/core')}'
    import { handler } from '${new URL('../fixtures/routes.mjs', import.meta.url)}'
    class Service { onApplicationShutdown(signal) { tell('cleans-up', { how: signal }) } }
    class App {}
    Module({ providers: [Service] })(App)
    const app = await NestFactory.create(App, { logger: false })
    app.enableShutdownHooks()
    const serve = handler(() => handle)
    app.use((request, response) => serve(request, response))
    const server = Object.assign(app.getHttpServer(), { keepAliveTimeout: 60_000 })
    const handle = graceful(server, config.graceful)
    tellOf(handle)
    server.once('listening', () => tell('listening', { generation: handle.generation, addresses: [server.address()] }))
    await app.listen(0, '127.0.0.1')`,
}

const cleanUps = (service: Service) => service.facts.filter(({ event }) => event === 'cleans-up')
const config = { graceful: { probationMs: 50, lingerMs: 0 } }

/** Stops the service while a request is in flight. Resolves with the order of what happened. */
async function stopDuringRequest(service: Service, stop: () => unknown): Promise<string[]> {
  const { request, open } = await inFlight(service.target)
  const stopped = stop()
  await until('no connection is accepted', () => isRefused(service.target))
  const before = cleanUps(service).length
  open()
  expect(await request.response()).toMatchObject({ text: 'ok' })
  expect(before).toBe(0)
  await stopped
  const told = service.facts.map(({ event, state }) => (event === 'state' ? String(state) : event))
  return told.filter((each) => ['report', 'exited', 'cleans-up'].includes(each)).slice(-3)
}

describe.each(Object.entries(libraries))('%s', (_, program) => {
  test('C75: a reload runs no shutdown code and loses no idle connection', async () => {
    const service = await startProgram(program, { config })
    const connections = await openConnections(service.target, 10)
    await callAll(connections)
    await service.reload()
    await finalReports(service, 1)
    expect(await callAll(connections)).toEqual({ servedBy: new Map([[2, 10]]), failures: [] })
    expect(cleanUps(service)).toEqual([])
    for (const connection of connections) connection.close()
  })

  test('C75: a shutdown runs the shutdown code once, after the drain', async () => {
    const service = await startProgram(program, { config })
    const order = await stopDuringRequest(service, () => {
      service.signal('SIGTERM', service.pid)
      return service.exitOf(service.pid)
    })
    expect(order).toEqual(['report', 'exited', 'cleans-up'])
    expect(await service.exitOf(service.pid)).toMatchObject({ code: 0 })
  })

  test('C75: so does a stop by the control socket', async () => {
    const control = join(tempDir(), 'control.sock')
    const service = await startProgram(program, { config: { graceful: { ...config.graceful, control } } })
    const order = await stopDuringRequest(service, async () => {
      await askControl(control, 'stop').catch(() => {})
      await service.exitOf(service.pid)
    })
    expect(order.slice(0, 2)).toEqual(['report', 'exited'])
    expect(cleanUps(service)).toHaveLength(1)
  })

  test('C75: so does a stop of handover run', async () => {
    const service = await startRun(programFile(program), { config })
    const [worker = 0] = service.processes().filter((pid) => pid !== service.pid)
    const order = await stopDuringRequest(service, () => {
      service.signal('SIGTERM', service.pid)
      return service.exitOf(service.pid)
    })
    expect(order).toEqual(['report', 'exited', 'cleans-up'])
    expect(cleanUps(service).map(({ pid }) => pid)).toEqual([worker])
    expect(await service.exitOf(service.pid)).toMatchObject({ code: 0 })
  })
})

test('C75: a successor that is taken back runs no shutdown code', async () => {
  const program = `${http}
    for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP']) process.on(signal, () => cleanUp(signal))
    handle.on('state', ({ onProbation }) => onProbation && setImmediate(() => ${privateChannel}.disconnect()))
    ${listen}`
  const service = await startProgram(program, {
    config: { graceful: { ...config.graceful, probationMs: 60_000 } },
  })
  service.signal('SIGHUP')
  await service.event('reload-failed')
  await until('the successor has exited', () => service.processes().length === 1)
  expect(cleanUps(service)).toEqual([])
  expect(await openConnections(service.target, 1).then(callAll)).toMatchObject({ failures: [] })
})
