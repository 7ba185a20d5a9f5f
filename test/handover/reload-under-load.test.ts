// No request fails over ten reloads, whatever the service listens on.
import { join } from 'node:path'
import { everyWorkload, keepAlive, newConnections } from '@handover/load'
import { expect, test, vi } from 'vitest'
import { halfOfEveryWorkload, longestMs, reloadUnder, think } from '../support/reload-under.js'
import { startService, targetOf } from '../support/service.js'
import { tempDir } from '../support/temp-dir.js'

vi.setConfig({ testTimeout: longestMs })

const reloads = 10
const graceful = { probationMs: 100 }

test('C35, C36: no request fails over 10 reloads on a Unix socket', async () => {
  const path = join(tempDir(), 'socket')
  const service = await startService('http.mjs', { config: { graceful, listen: { path } } })
  await reloadUnder(service, reloads, [[{ path }, everyWorkload()]])
})

test('C19: two listeners on port 0 keep their ports over 10 reloads, both under load', async () => {
  const anyPort = { port: 0, host: '127.0.0.1' }
  const service = await startService('http.mjs', { config: { graceful, listen: [anyPort, anyPort] } })
  const [one, two] = service.targets
  if (!one || !two) throw new Error('the service does not listen on two addresses')
  expect(one).not.toEqual(two)
  await reloadUnder(service, reloads, [
    [one, halfOfEveryWorkload()],
    [two, halfOfEveryWorkload()],
  ])
})

test('a second server that is not registered stays reachable over 10 reloads', async () => {
  const service = await startService('http.mjs', { config: { graceful, metrics: true } })
  const { metrics } = await service.event('listening')
  const answer = /^metrics$/
  await reloadUnder(service, reloads, [
    [service.target, everyWorkload()],
    [targetOf(metrics), [newConnections({ clients: 2, answer }), keepAlive({ clients: 10, think, answer })]],
  ])
})
