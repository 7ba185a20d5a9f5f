// Several registrations in one process: each one can set options, and all of them take effect.
import { existsSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { expect, test } from 'vitest'
import { isHandedOver } from '../support/generations.js'
import { launchProgram, programFile, startProgram } from '../support/program.js'
import type { Service } from '../support/service.js'
import { startRun } from '../support/supervised.js'
import { tempDir } from '../support/temp-dir.js'
import { until } from '../support/until.js'

const registerUrl = pathToFileURL(createRequire(import.meta.url).resolve('@handover/core/register')).href

const twoServers = `
  import http from 'node:http'
  const [first, second] = [1, 2].map(() => http.createServer((_request, response) => response.end('of the program')))
  const listen = (server) => new Promise((resolve) => server.listen(0, '127.0.0.1', resolve))
  const listening = () => tell('listening', { addresses: [first.address()] })`

/** Options whose effects are visible from outside, with files in their own folder. */
function visible() {
  const folder = tempDir()
  const [pidFile, control] = [join(folder, 'app.pid'), join(folder, 'app.sock')]
  const options = {
    pidFile,
    control,
    probationMs: 20,
    reloadSignals: ['SIGUSR2'],
    shutdownSignals: ['SIGINT'],
    health: { readiness: '/readyz' },
  }
  return { options, pidFile, control }
}

/** Checks that each option of `visible` takes effect in a ready service and in its successor. */
async function expectEffect(service: Service, { pidFile, control }: ReturnType<typeof visible>) {
  const { pid } = service
  await until('both files exist', () => existsSync(control) && existsSync(pidFile))
  expect(readFileSync(pidFile, 'utf8').trim()).toBe(String(pid))
  const { host, port } = service.target as { host: string; port: number }
  const answer = await fetch(`http://${host}:${port}/readyz`)
  expect(await answer.json()).toMatchObject({ status: 'ready', generation: 1 })
  service.signal('SIGUSR2', pid)
  await service.event((fact) => isHandedOver(fact) && fact.pid === pid)
  await service.exitOf(pid)
  service.signal('SIGINT')
  await service.event(({ state, because }) => state === 'draining' && because === 'shutdown')
  await until('the PID file is removed', () => !existsSync(pidFile))
}

test('C68: a second registration sets what the first one left at its default', async () => {
  const seen = visible()
  const service = await startProgram(
    `${twoServers}
    tellOf(graceful(first))
    graceful(second, config.options)
    graceful()
    await Promise.all([listen(first), listen(second)])
    listening()`,
    { config: { options: seen.options } },
  )
  await service.event('listening')
  await expectEffect(service, seen)
})

test('C68: a registration in a process that is ready takes effect at once', async () => {
  const seen = visible()
  const service = launchProgram(
    `${twoServers}
    const handle = graceful(first)
    tellOf(handle)
    await listen(first)
    await handle.ready()
    graceful(second, config.options)
    listening()`,
    { config: { options: seen.options } },
  )
  await service.event('listening')
  await expectEffect(service, seen)
})

test('C68: a program that sets options may start with --import @handover/core/register', async () => {
  const seen = visible()
  const service = await startProgram(
    `${twoServers}
    tellOf(graceful(first, { ...config.options, logger: { info: (_, text) => tell('logged', { text }), warn() {}, error() {} } }))
    await listen(first)
    listening()`,
    { config: { options: seen.options }, execArgv: ['--import', registerUrl] },
  )
  // The logger takes effect, too.
  await service.event(({ event, text }) => event === 'logged' && text === 'generation 1 is ready')
  await service.event('listening')
  await expectEffect(service, seen)
})

test('C68: under a supervisor, the log names options of a later registration that have no effect', async () => {
  const program = programFile(`
    ${twoServers}
    tellOf(graceful(first))
    graceful(second, { pidFile: config.pidFile })
    await Promise.all([listen(first), listen(second)])
    listening()`)
  const pidFile = join(tempDir(), 'app.pid')
  const service = await startRun(program, { config: { pidFile } })
  await service.line(/these options have no effect under a supervisor: pidFile$/)
  expect(existsSync(pidFile)).toBe(false)
})
