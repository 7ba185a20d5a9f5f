// Socket activation with the units of examples/systemd: the sockets outlive the service.
import { keepAlive, mixedLoad, newConnections, Tally } from '@handover/load'
import { describe, expect, test } from 'vitest'
import { askOnce, givenBy } from '../support/http.js'
import { type Manager, startManager } from '../support/systemd-manager.js'
import { until } from '../support/until.js'

const sockets = ['app.socket', 'app-metrics.socket']
const answer = /generation/

/** Starts the sockets, which start the unit when a client connects. */
async function activated(unit: string): Promise<Manager> {
  const manager = await startManager()
  manager.install(`${unit}.service`)
  for (const socket of sockets) {
    manager.install(socket)
    manager.install(`${socket}.d/service.conf`, `[Socket]\nService=${unit}.service\n`)
  }
  // As `systemctl enable` would: both sockets belong to the service, however it starts.
  manager.install(`${unit}.service.d/sockets.conf`, `[Service]\nSockets=${sockets.join(' ')}\n`)
  await manager.do('start', ...sockets)
  return manager
}

function underLoad(manager: Manager) {
  const [tally, over] = [new Tally(), new AbortController()]
  const workloads = [newConnections({ clients: 4, answer }), keepAlive({ clients: 4, answer })]
  const load = mixedLoad(manager.target, { workloads, tally, signal: over.signal })
  return {
    tally,
    async failures() {
      over.abort()
      return (await load).failures
    },
  }
}

/** A request that starts the service. Before the service is active, systemd ignores a reload. */
async function startByRequest(manager: Manager, unit: string): Promise<void> {
  expect(givenBy(await askOnce(manager.target, '/')).generation).toBe(1)
  await manager.untilShown(unit, 'ActiveState', (state) => state === 'active')
}

const mainPid = (manager: Manager, unit: string) => manager.show(unit, 'MainPID')

describe.each(['app', 'workers'])('%s.service', (unit) => {
  test('C52: a client that connects starts the service, and again after a stop', async () => {
    const manager = await activated(unit)
    for (const reloads of [1, 0]) {
      expect(await manager.show(unit, 'ActiveState')).toBe('inactive')
      await startByRequest(manager, unit)
      for (let i = 0; i < reloads; i++) await manager.do('reload', unit)
      await manager.do('stop', unit)
    }
  })

  test('C52: restarts and reloads refuse no client and lose no request', async () => {
    const manager = await activated(unit)
    const load = underLoad(manager)
    for (const verb of ['restart', 'reload', 'restart']) {
      const before = await mainPid(manager, unit)
      await manager.do(verb, unit)
      const { requests } = load.tally
      await until(`the service answers after the ${verb}`, () => load.tally.requests > requests + 8)
      if (verb === 'restart') expect(await mainPid(manager, unit)).not.toBe(before)
    }
    expect(await load.failures()).toEqual([])
  })

  test('C52: a crash refuses no client', async () => {
    const manager = await activated(unit)
    await startByRequest(manager, unit)
    await manager.do('reload', unit)
    const before = await mainPid(manager, unit)
    const load = underLoad(manager)
    await until('the service is under load', () => load.tally.requests > 8)
    await manager.do('kill', '--signal=KILL', '--kill-who=main', unit)
    await manager.untilShown(unit, 'NRestarts', (times) => times === '1')
    await manager.untilShown(unit, 'MainPID', (pid) => pid !== '0' && pid !== before)
    const { requests } = load.tally
    await until('the service answers again', () => load.tally.requests > requests + 8)
    const failures = await load.failures()
    expect(failures.filter(({ kind }) => kind === 'refused')).toEqual([])
  })

  test('C52: several sockets reach their servers by address, in each generation', async () => {
    const manager = await activated(unit)
    await startByRequest(manager, unit)
    for (const generation of [1, 2]) {
      expect((await askOnce(manager.metrics, '/')).text).toBe(`generation ${generation}\n`)
      expect(givenBy(await askOnce(manager.target, '/')).generation).toBe(generation)
      if (generation === 1) await manager.do('reload', unit)
    }
  })
})

test.each(['app', 'workers'])(
  'C52: the log of %s.service names a socket that no server uses',
  async (unit) => {
    const manager = await activated(unit)
    manager.install(
      'extra.socket',
      `[Socket]\nListenStream=%t/extra\nFileDescriptorName=spare\nService=${unit}.service\n`,
    )
    manager.install(
      `${unit}.service.d/sockets.conf`,
      `[Service]\nSockets=${sockets.join(' ')} extra.socket\n`,
    )
    await manager.do('daemon-reload')
    await manager.do('start', 'extra.socket', unit)
    const named = /no server uses: \S+\/extra \(systemd's spare\)/
    await until('the log names the socket', async () => named.test(await manager.log()))
  },
)
