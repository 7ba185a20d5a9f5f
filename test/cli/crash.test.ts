// Workers that crash and releases that fail to start, under `handover run`.
import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { newConnections } from '@handover/load'
import { expect, test } from 'vitest'
import { isReady } from '../support/generations.js'
import { ask, connect } from '../support/http.js'
import { underLoad } from '../support/load.js'
import { accepting, launchRun, rollWorkers, startRun } from '../support/supervised.js'
import { tempDir } from '../support/temp-dir.js'
import { until } from '../support/until.js'
import { whoServes } from '../support/who.js'

/** A file that determines how the next generation behaves. */
function nextRelease(): { readonly path: string; be(how: object): void; beGood(): void } {
  const path = join(tempDir(), 'release.json')
  return {
    path,
    be: (how) => writeFileSync(path, JSON.stringify(how)),
    beGood: () => rmSync(path),
  }
}

test('C54: after kill -9 of the only worker, new connections wait for its replacement instead of being refused', async () => {
  const service = await startRun('http.mjs')
  const clients = 4
  const load = await underLoad(service.target, async () => {
    const afterIndex = service.lastIndex
    service.signal('SIGKILL', service.serving.pid)
    await service.event(isReady, { afterIndex })
    expect(await whoServes(service.target)).toMatchObject({ generation: 2 })
  }, [newConnections({ clients })])
  // Only requests that the killed worker had started may fail.
  expect(load.failures.filter(({ kind }) => kind === 'refused' || kind === 'timeout')).toEqual([])
  expect(load.failures.length).toBeLessThanOrEqual(clients)
  expect(load.servedBy.get(2)).toBeGreaterThan(0)
})

test('C54: the supervisor restarts a worker that keeps crashing with a growing backoff', async () => {
  const { path, be, beGood } = nextRelease()
  const service = await startRun('http.mjs', { config: { release: path } })
  be({ throw: 'cannot start' })
  service.signal('SIGKILL', service.serving.pid)
  for (const pause of [1000, 1500, 2250]) {
    await service.line(new RegExp(`starting a replacement in ${pause} ms`))
  }
  await service.line(/exited with code 1 before it was ready: Error: cannot start/)
  // A reload does not wait for the backoff.
  beGood()
  service.signal('SIGHUP', service.pid)
  await service.line(/workers on the new release: 1 of 1/)
  expect(service.output).not.toContain('3375 ms')
  expect(await whoServes(service.target)).toBeTruthy()
})

test('C54: the supervisor replaces a worker that has served for ten seconds without a backoff', async () => {
  const service = await startRun('http.mjs')
  // The supervisor measures from the message of the worker, which it may read later than the test.
  await service.line(/1 worker serves/)
  const startedAt = performance.now()
  await until('ten seconds have passed', () => performance.now() - startedAt > 10_000)
  service.signal('SIGKILL', service.serving.pid)
  await service.line(/was ended by SIGKILL; starting a replacement now/)
  expect(await whoServes(service.target)).toMatchObject({ generation: 2 })
})

const failures = [
  ['throws', { throw: 'a bad start' }, 'exited with code 1 before it was ready: Error: a bad start'],
  ['exits with 7', { exit: 7 }, 'exited with code 7 before it was ready'],
  ['exits with 0', { exit: 0 }, 'exited with code 0 before it was ready. It does not use Handover'],
  ['hangs', { hang: true }, 'was not ready after 10000 ms'],
] as const

test.each(failures)(
  'C54: handover run exits with code 1 and the reason when its first worker %s',
  async (_, how, reason) => {
    const { path, be } = nextRelease()
    be(how)
    const service = launchRun('http.mjs', { config: { release: path }, run: ['--ready-timeout', '10s'] })
    expect(await service.exitOf(service.pid)).toMatchObject({ code: 1 })
    expect(service.output).toContain(reason)
    expect(service.processes()).toEqual([])
  },
)

test('C54: the supervisor also ends a first worker that uses Handover but does not become ready', async () => {
  const run = ['--ready-timeout', '1s']
  const service = launchRun('http.mjs', { run, config: { graceful: { ready: 'manual' } } })
  expect(await service.exitOf(service.pid)).toMatchObject({ code: 1 })
  expect(service.output).toContain('was not ready after 1000 ms')
  for (const pid of service.processes()) await service.exitOf(pid)
})

const badReleases = [
  ['throws', { throw: 'a bad release' }, 'a bad release'],
  ['exits with 0', { exit: 0 }, 'exited with code 0 before it was ready'],
  ['hangs', { hang: true }, 'was not ready after 10000 ms'],
] as const

test.each(badReleases)(
  'C54: when a release %s, the reload fails with the reason and no client notices',
  async (_, how, reason) => {
    const { path, be, beGood } = nextRelease()
    const run = ['--ready-timeout', '10s']
    const service = await startRun('http.mjs', { config: { release: path }, run })
    const { pid } = service.serving
    const kept = await connect(service.target)
    be(how)
    const load = await underLoad(service.target, async () => {
      await expect(rollWorkers(service)).rejects.toThrow(reason)
    })
    expect(load.failures).toEqual([])
    expect(await whoServes(service.target)).toEqual({ pid, generation: 1 })
    expect((await ask(kept, '/')).status).toBe(200)
    await service.line(new RegExp(`the reload failed: .*${reason}`))
    beGood()
    await rollWorkers(service)
    expect(accepting(service)).not.toContain(pid)
  },
)
