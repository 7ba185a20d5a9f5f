// systemd's watchdog with the units of examples/systemd and a shorter interval.
import { describe, expect, test } from 'vitest'
import { askOnce, givenBy } from '../support/http.js'
import { type Manager, startManager } from '../support/systemd-manager.js'

const interval = '[Service]\nWatchdogSec=5\n'
const blocksWhenAsked = "process.on('SIGUSR2', () => { for (;;); })"

async function startWatched(unit: string, code = ''): Promise<Manager> {
  const manager = await startManager()
  manager.install(`${unit}.service`)
  manager.install(`${unit}.service.d/watchdog.conf`, interval)
  manager.deploy(code)
  await manager.do('start', unit)
  return manager
}

/** Resolves when systemd has received this many pings from now on. */
async function pings(manager: Manager, unit: string, times: number): Promise<void> {
  for (let i = 0; i < times; i++) {
    const last = await manager.show(unit, 'WatchdogTimestampMonotonic')
    await manager.untilShown(unit, 'WatchdogTimestampMonotonic', (at) => at !== last)
  }
}

describe.each(['app', 'workers'])('%s.service', (unit) => {
  test('C61: systemd gets pings before and after a reload, and does not restart the service', async () => {
    const manager = await startWatched(unit)
    await pings(manager, unit, 1)
    await manager.do('reload', unit)
    // Longer than the interval: the pings come from the new generation.
    await pings(manager, unit, 3)
    expect(await manager.show(unit, 'NRestarts')).toBe('0')
    expect(givenBy(await askOnce(manager.target, '/')).generation).toBe(2)
  })
})

test('C61: systemd restarts a service whose event loop is blocked, also after a reload', async () => {
  const manager = await startWatched('app', blocksWhenAsked)
  await manager.do('reload', 'app')
  await manager.do('kill', '--signal=USR2', '--kill-who=main', 'app')
  await manager.untilShown('app', 'NRestarts', (times) => times === '1')
  await manager.untilShown('app', 'ActiveState', (state) => state === 'active')
  expect(await manager.log()).toMatch(/Watchdog timeout/)
  expect(givenBy(await askOnce(manager.target, '/')).generation).toBe(1)
})
