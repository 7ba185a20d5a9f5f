// `handover run --workers 4`: all workers accept on the same sockets, and reloads replace them one by one.
import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { newConnections } from '@handover/load'
import { expect, test } from 'vitest'
import { askOnce, givenBy, isRefused } from '../support/http.js'
import { underLoad } from '../support/load.js'
import { type Address, type Service, targetOf } from '../support/service.js'
import { rollWorkers, startRun } from '../support/supervised.js'
import { tempDir } from '../support/temp-dir.js'
import { until } from '../support/until.js'
import { whoServes } from '../support/who.js'

const workers = 4
const run = ['--workers', String(workers)]
const quick = { graceful: { probationMs: 100 } }

/** The PIDs of the workers that answer, once there are `count` of them. */
async function servers(service: Service, count: number): Promise<Set<number>> {
  const pids = new Set<number>()
  await until(`${count} workers answer`, async () => {
    pids.add(givenBy(await askOnce(service.target, '/')).pid)
    return pids.size === count
  })
  return pids
}

test('C54: 4 workers answer on one port, and a reload replaces each of them', async () => {
  const service = await startRun('http.mjs', { run, config: quick })
  const before = await servers(service, workers)
  await rollWorkers(service, workers)
  const after = await servers(service, workers)
  expect([...after].filter((pid) => before.has(pid))).toEqual([])
})

test('C54: the service answers new connections while its workers are replaced', async () => {
  const service = await startRun('http.mjs', { run, config: quick })
  const load = await underLoad(service.target, () => rollWorkers(service, workers), [
    newConnections({ clients: 4 }),
  ])
  expect(load.failures).toEqual([])
  expect(load.requests).toBeGreaterThan(100)
})

test('C54: a reload ends when one worker fails: the others keep serving, and the log says how many are new', async () => {
  const release = join(tempDir(), 'release.json')
  const service = await startRun('http.mjs', { run, config: { ...quick, release } })
  const before = await servers(service, workers)
  const waitFor = join(tempDir(), 'go')
  writeFileSync(release, JSON.stringify({ waitFor }))
  const afterIndex = service.lastIndex
  service.signal('SIGHUP', service.pid)
  await service.event('started', { afterIndex })
  // The first successor has read its behavior. The second one fails.
  writeFileSync(release, JSON.stringify({ throw: 'a bad release' }))
  writeFileSync(waitFor, '')
  const { message } = await service.event('reload-failed')
  expect(message).toContain('a bad release')
  await service.line(/[Ww]orkers on the new release: 1 of 4/)
  const after = await servers(service, workers)
  expect([...after].filter((pid) => before.has(pid)).length).toBeGreaterThan(0)
  rmSync(release)
  await rollWorkers(service, workers)
})

test('C54: all workers share a listener that one of them opens late, and it closes when they close it', async () => {
  const service = await startRun('late.mjs', { run: ['--workers', '3'] })
  const late = targetOf((await service.event('late')).address as Address)
  const pids = new Set<number>()
  await until('all workers answer on the late listener', async () => {
    pids.add(givenBy(await askOnce(late, '/')).pid)
    return pids.size === 3
  })
  for (const pid of pids) service.signal('SIGUSR2', pid)
  await until('the late listener is closed', () => isRefused(late))
  expect(await whoServes(service.target)).toMatchObject({ generation: 1 })
})
