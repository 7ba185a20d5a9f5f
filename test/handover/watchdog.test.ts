// systemd's watchdog (`WatchdogSec=`): only the process that owns the service satisfies it.
import { expect, test } from 'vitest'
import { inFlight } from '../support/http.js'
import { descendantsOf, statusOf } from '../support/processes.js'
import { programFile } from '../support/program.js'
import { startService } from '../support/service.js'
import { rollWorkers, startRun } from '../support/supervised.js'
import { fakeServiceManager } from '../support/systemd.js'
import { until } from '../support/until.js'

const quick = { probationMs: 50 }
/** Sets the variables as systemd does. They name the process that the shell becomes. */
const shell = 'export WATCHDOG_PID=$$ WATCHDOG_USEC=200000;'

function watchdog() {
  const manager = fakeServiceManager()
  return {
    env: manager.env,
    /** Resolves with the processes that have pinged since the call, once `pid` has pinged several times. */
    async pingsUntil(pid: number): Promise<number[]> {
      const before = manager.pings.length
      const since = () => manager.pings.slice(before)
      await until(`${pid} pings`, () => since().filter((each) => each === pid).length >= 4)
      return since()
    },
  }
}

/** A service that reports its own watchdog variables. */
const reportsVariables = () =>
  programFile(`
  import http from 'node:http'
  import { execFileSync } from 'node:child_process'
  const server = http.createServer((_request, response) => response.end('ok'))
  tellOf(graceful(server, config.graceful))
  const { WATCHDOG_PID, WATCHDOG_USEC, NOTIFY_SOCKET } = process.env
  server.listen({ port: 0, host: '127.0.0.1' }, () =>
    tell('listening', { variables: { WATCHDOG_PID, WATCHDOG_USEC, NOTIFY_SOCKET }, addresses: [server.address()] }))`)

test('C61: each generation satisfies the watchdog while it owns the service, and only then', async () => {
  const { env, pingsUntil } = watchdog()
  const service = await startService('http.mjs', { env, shell, config: { graceful: quick } })
  await pingsUntil(service.pid)
  const { request, open } = await inFlight(service.target)
  const { from, to } = await service.reload()
  await until('each ping that the predecessor began has ended', () => {
    const children = descendantsOf(from.pid).filter((pid) => statusOf(pid)?.parent === from.pid)
    return children.every((pid) => pid === to.pid)
  })
  // A ping from the draining predecessor would hide that its successor hangs.
  expect(new Set(await pingsUntil(to.pid))).toEqual(new Set([to.pid]))
  open()
  expect((await request.response()).text).toBe('ok')
  await service.exitOf(from.pid)
  const next = await service.reload()
  await pingsUntil(next.to.pid)
})

test('C61: a service that drains for a shutdown satisfies the watchdog to the end', async () => {
  const { env, pingsUntil } = watchdog()
  const service = await startService('http.mjs', { env, shell, config: { graceful: quick } })
  const { open } = await inFlight(service.target)
  service.signal('SIGTERM')
  await service.event(({ because }) => because === 'shutdown')
  await pingsUntil(service.pid)
  open()
  await service.exitOf(service.pid)
})

test('C61: a program in a successor finds its own pid in WATCHDOG_PID', async () => {
  const { env } = watchdog()
  const service = await startService(reportsVariables(), { env, shell, config: { graceful: quick } })
  const { to } = await service.reload()
  const { variables } = await service.event(({ event, pid }) => event === 'listening' && pid === to.pid)
  expect(variables).toMatchObject({ WATCHDOG_PID: String(to.pid), WATCHDOG_USEC: '200000' })
})

test('C61: a process keeps variables that are for another process and does not ping', async () => {
  const { env, pingsUntil } = watchdog()
  const manager = { ...env, WATCHDOG_PID: '1', WATCHDOG_USEC: '200000' }
  const other = await startService(reportsVariables(), { env: manager, config: { graceful: quick } })
  expect((await other.event('listening')).variables).toMatchObject({ WATCHDOG_PID: '1' })
  const service = await startService('http.mjs', { env, shell, config: { graceful: quick } })
  expect(await pingsUntil(service.pid)).not.toContain(other.pid)
})

test('C61: under handover run the supervisor satisfies the watchdog, and the workers have no watchdog variables', async () => {
  const { env, pingsUntil } = watchdog()
  const service = await startRun(reportsVariables(), { env, shell, config: { graceful: quick } })
  await pingsUntil(service.pid)
  await rollWorkers(service)
  expect(new Set(await pingsUntil(service.pid))).toEqual(new Set([service.pid]))
  for (const { variables } of service.facts.filter(({ event }) => event === 'listening')) {
    expect(variables).toEqual({})
  }
})
