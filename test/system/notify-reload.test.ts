// `Type=notify-reload` of systemd 253 and later: systemd sends SIGHUP, and waits for RELOADING and READY.
import { expect, test } from 'vitest'
import { askOnce, givenBy } from '../support/http.js'
import { startManager } from '../support/systemd-manager.js'

// The user manager of systemd 254 does not give a RuntimeDirectory to the user that DynamicUser creates.
const notifyReload = '[Service]\nType=notify-reload\nExecReload=\nDynamicUser=no\nPrivateUsers=no\n'

test('C51: with Type=notify-reload, systemctl reload waits for the successor, and the status says why a release fails', async () => {
  const manager = await startManager({ SYSTEMD_FILES: process.env.HANDOVER_NEWER_SYSTEMD })
  manager.install('app.service')
  manager.install('app.service.d/notify-reload.conf', notifyReload)
  await manager.do('start', 'app')
  await manager.do('reload', 'app')
  const pid = Number(await manager.show('app', 'MainPID'))
  expect(givenBy(await askOnce(manager.target, '/'))).toEqual({ generation: 2, pid })
  expect(await manager.show('app', 'StatusText')).toBe('generation 2 serves')
  manager.deploy("throw new Error('no database')")
  await manager.do('reload', 'app')
  expect(await manager.show('app', 'StatusText')).toMatch(/before it was ready: Error: no database/)
  expect(await manager.show('app', 'ActiveState')).toBe('active')
  expect(givenBy(await askOnce(manager.target, '/'))).toEqual({ generation: 2, pid })
})
