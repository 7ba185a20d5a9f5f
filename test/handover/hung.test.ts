// A generation that hangs at a bad moment: every wait for it has a limit.
import { RawConnection } from '@handover/load'
import { expect, test } from 'vitest'
import { isHandedOver, isReady } from '../support/generations.js'
import { ask, gate, get } from '../support/http.js'
import { stopped } from '../support/processes.js'
import { release, requestReload, startRelease } from '../support/release.js'
import { type Service, startService } from '../support/service.js'
import { whoServes } from '../support/who.js'

/** Stops the process: it does nothing more and cannot even exit by itself. */
function stop(service: Service, pid: number): Promise<void> {
  service.signal('SIGSTOP', pid)
  return stopped(pid)
}

/** Statements that stop the process right after a change of state, when it has sent the messages about that change. */
const stopsOnce = (isSo: string) =>
  `handle.on('state', (change) => change.${isSo} && queueMicrotask(() => process.kill(process.pid, 'SIGSTOP')))`

test('a successor that hangs on probation is killed, and its predecessor keeps serving', async () => {
  const { service, deploy } = await startRelease({
    config: { graceful: { probationMs: 50, drainTimeoutMs: 500 } },
  })
  deploy(release({ beforeListen: stopsOnce('onProbation') }))
  expect(await requestReload(service.target)).toMatchObject({
    code: 'ERR_HANDOVER_PROBATION',
    message: expect.stringContaining('did not answer that it can take over within 5000 ms'),
    report: { failure: { signal: 'SIGKILL' } },
  })
  expect(service.processes()).toEqual([service.pid])
  expect(await whoServes(service.target)).toEqual({ pid: service.pid, generation: 1 })
})

test.each([false, true])(
  'a successor that hangs does not keep its draining predecessor from exiting (connections move: %s)',
  async (moveConnections) => {
    const service = await startService('http.mjs', {
      config: {
        graceful: { probationMs: 0, drainTimeoutMs: 2_000, moveConnections },
        hooks: [{ name: 'close', ms: 0 }],
      },
    })
    const connections = await Promise.all(
      Array.from({ length: 50 }, () => RawConnection.connect(service.target)),
    )
    await Promise.all(connections.map((connection) => ask(connection, '/')))
    const held = gate()
    await connections[0]?.write(get(held.path))
    service.signal('SIGHUP')
    await service.event(isHandedOver)
    const { pid } = service.serving
    await stop(service, pid)
    held.open()
    await service.event(({ event, pid }) => event === 'hook' && pid === service.pid)
    await service.exitOf(service.pid)
    service.signal('SIGKILL', pid)
    for (const connection of connections) connection.close()
  },
)

test.each([false, true])(
  'a draining predecessor that hangs does not keep its successor from exiting (connections move: %s)',
  async (moveConnections) => {
    const { service, deploy } = await startRelease({
      text: release({ beforeListen: stopsOnce("because === 'handed-over'") }),
      config: {
        graceful: { probationMs: 0, lingerMs: 0, drainTimeoutMs: 1_000, moveConnections },
        hooks: [{ name: 'close', ms: 0 }],
      },
      leftOvers: 'allowed',
    })
    deploy(release())
    const held = gate()
    const connection = await RawConnection.connect(service.target)
    await connection.write(get(held.path))
    const { to } = await service.reload()
    await stopped(service.pid)
    service.signal('SIGTERM', to.pid)
    await service.event(({ event, pid }) => event === 'hook' && pid === to.pid)
    await service.exitOf(to.pid)
    connection.close()
  },
)

test('a predecessor that hangs during probation delays no client, and its successor takes over when it is killed', async () => {
  const service = await startService('http.mjs', { config: { graceful: { probationMs: 60_000 } } })
  service.signal('SIGHUP')
  const { pid } = await service.event((fact) => isReady(fact) && fact.pid !== service.pid)
  await stop(service, service.pid)
  for (let i = 0; i < 50; i++) expect((await whoServes(service.target)).pid).toBe(pid)
  service.signal('SIGKILL', service.pid)
  await service.event((fact) => isReady(fact) && fact.pid === pid && !fact.onProbation)
  expect(await whoServes(service.target)).toEqual({ pid, generation: 2 })
  await service.exitOf(service.pid)
})
