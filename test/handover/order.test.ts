// Reloads and shutdowns that are requested at the wrong moment, twice, or too often.
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { RawConnection, type Target } from '@handover/load'
import { expect, test } from 'vitest'
import { isHandedOver, isReady } from '../support/generations.js'
import { ask, gate, get, givenBy, inFlight } from '../support/http.js'
import { underLoad } from '../support/load.js'
import { isRunning } from '../support/processes.js'
import { hangs, type Outcome, release, requestReload, startRelease } from '../support/release.js'
import { finalReports } from '../support/reports.js'
import { type Service, startService } from '../support/service.js'
import { tempDir } from '../support/temp-dir.js'
import { whoServes } from '../support/who.js'

const started = (service: Service) => service.facts.filter(({ event }) => event === 'listening').length

test('C12: ten SIGHUPs at once start one reload', async () => {
  const { file, open } = gate()
  // The service handles all signals in one turn of its event loop, however long the test takes to send them.
  const blocks = `
    const { existsSync } = await import('node:fs')
    process.on('SIGUSR2', () => {
      tell('blocked')
      while (!existsSync('${file}')) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 5)
    })`
  const { service } = await startRelease({
    config: { graceful: { probationMs: 100 } },
    text: release({ beforeListen: blocks }),
  })
  const load = await underLoad(service.target, async () => {
    service.signal('SIGUSR2', service.pid)
    await service.event('blocked')
    for (let i = 0; i < 10; i++) process.kill(service.pid, 'SIGHUP')
    open()
    await service.event(isHandedOver)
    await service.exitOf(service.pid)
  })
  expect(load.failures).toEqual([])
  expect(await whoServes(service.target)).toMatchObject({ generation: 2 })
  expect(started(service)).toBe(2)
})

test('C63: SIGHUPs during a reload start one more reload, which the successor runs', async () => {
  // Only the first reload must last longer than a slow machine takes to send the signals.
  const { service, deploy } = await startRelease({ text: release({ options: '{ probationMs: 5_000 }' }) })
  deploy(release({ options: '{ probationMs: 50 }' }))
  service.signal('SIGHUP')
  await service.event(({ state }) => state === 'handing-over')
  service.signal('SIGHUP', service.pid)
  const second = await service.event(({ onProbation }) => onProbation === true)
  service.signal('SIGHUP', service.pid)
  service.signal('SIGHUP', service.pid)
  await service.line(/SIGHUP: a reload is in progress; starting another one when it ends/)
  await service.event(isHandedOver)
  expect(await service.exitOf(service.pid)).toMatchObject({ code: 0 })
  await service.exitOf(second.pid)
  expect(await whoServes(service.target)).toMatchObject({ generation: 3 })
  expect(started(service)).toBe(3)
})

test('C63: a SIGHUP during a failing reload starts another reload, with the release that is on disk by then', async () => {
  const release = join(tempDir(), 'release')
  const service = await startService('http.mjs', { config: { graceful: { probationMs: 5_000 }, release } })
  writeFileSync(release, JSON.stringify({ dieAfterReadyMs: 500 }))
  service.signal('SIGHUP')
  await service.event(({ onProbation }) => onProbation === true)
  writeFileSync(release, '{}')
  service.signal('SIGHUP', service.pid)
  await service.event('reload-failed')
  await service.event(isHandedOver)
  expect(await whoServes(service.target)).toMatchObject({ generation: 2 })
  expect(started(service)).toBe(3)
})

test('C63: a generation that has handed over passes a SIGHUP on to the serving generation', async () => {
  const service = await startService('http.mjs', {
    config: { graceful: { probationMs: 50, drainTimeoutMs: 60_000 } },
  })
  const { open } = await inFlight(service.target)
  const { from, to } = await service.reload()
  service.signal('SIGHUP', from.pid)
  await service.line(/SIGHUP: passing it on to successor \d+, which serves/)
  await service.event((fact) => isHandedOver(fact) && fact.pid === to.pid)
  expect(await whoServes(service.target)).toMatchObject({ generation: 3 })
  open()
  await service.exitOf(from.pid)
})

test('C12: both generations reject a reload during a reload, and the first one is not affected', async () => {
  // Longer than a slow machine takes for the requests during the probation.
  const { service, deploy } = await startRelease({ config: { graceful: { probationMs: 5_000 } } })
  const { target } = service
  const proceed = gate()
  deploy(
    release({
      first: `
        const { existsSync } = await import('node:fs')
        while (!existsSync('${proceed.file}')) await new Promise((resolve) => setTimeout(resolve, 5))`,
    }),
  )
  const first = requestReload(target)
  await service.event(({ state }) => state === 'handing-over')
  for (let i = 0; i < 3; i++)
    expect(await requestReload(target)).toMatchObject({ code: 'ERR_HANDOVER_IN_PROGRESS' })
  proceed.open()
  await service.event(({ onProbation }) => onProbation === true)
  const answers = await Promise.all(Array.from({ length: 10 }, () => requestReload(target)))
  expect(answers.map(({ code }) => code)).toEqual(Array(10).fill('ERR_HANDOVER_IN_PROGRESS'))
  expect(await first).toMatchObject({ report: { outcome: 'handed-over' } })
})

/** A download that has started. `finish` reads it to the end. */
async function slowDownload(
  target: Target,
): Promise<{ connection: RawConnection; finish(): Promise<number> }> {
  const connection = await RawConnection.connect(target)
  await connection.write(get('/download?bytes=8388608'))
  const head = await connection.head()
  const finish = async () => {
    let bytes = 0
    for await (const chunk of connection.body(head)) bytes += chunk.length
    connection.close()
    return bytes
  }
  return { connection, finish }
}

test.each([false, true])(
  'C13: reloads back to back succeed while earlier generations still drain (connections move: %s)',
  async (moveConnections) => {
    const service = await startService('http.mjs', {
      config: { graceful: { probationMs: 0, moveConnections } },
    })
    const { target } = service
    const downloads = [await slowDownload(target)]
    const load = await underLoad(target, async () => {
      for (let generation = 2; generation <= 5; generation++) {
        expect((await service.reload()).to.generation).toBe(generation)
        downloads.push(await slowDownload(target))
      }
      expect(service.processes(), 'each process still has its download').toHaveLength(5)
      for (const { finish } of downloads) expect(await finish()).toBe(8_388_608)
      const reports = await finalReports(service, 4)
      expect(reports.map(({ generation, drain }) => [generation, drain.cut, drain.timedOut])).toEqual(
        [1, 2, 3, 4].map((generation) => [generation, [], false]),
      )
    })
    expect(load.failures).toEqual([])
    expect(await service.exitOf(service.pid)).toMatchObject({ code: 0 })
    expect(await service.leftOvers()).toEqual([])
  },
)

test('C13: a draining generation exits at its limit, however many generations follow it', async () => {
  const service = await startService('http.mjs', {
    config: { graceful: { probationMs: 0, drainTimeoutMs: 2_000 } },
  })
  const downloads = [await slowDownload(service.target)]
  for (let i = 0; i < 3; i++) {
    await service.reload()
    downloads.push(await slowDownload(service.target))
  }
  const reports = await finalReports(service, 3)
  for (const { drain } of reports) {
    expect(drain.timedOut).toBe(true)
    expect(drain.cut).toMatchObject([{ kind: 'http1', what: 'GET /download' }])
    expect(drain).not.toHaveProperty('cutShortBy')
    // A Node timer counts from the begin of its turn of the event loop, so it may fire early.
    expect(drain.ms).toBeGreaterThan(1_000)
    expect(drain.ms).toBeLessThan(10_000)
  }
  expect(await service.exitOf(service.pid)).toMatchObject({ code: 1 })
  expect(await downloads.at(-1)?.finish()).toBe(8_388_608)
})

const moments = {
  boots: {
    text: release({ first: hangs }),
    event: 'started',
  },
  'listens and is not ready yet': { text: release({ options: "{ ready: 'manual' }" }), event: 'listening' },
  'is on probation': { text: release(), event: 'state' },
}

test.each(Object.entries(moments))(
  'C14: a shutdown while the successor %s ends the successor, then drains; later reloads are rejected',
  async (_, { text, event }) => {
    const { service, deploy } = await startRelease({
      config: { graceful: { probationMs: 60_000, lingerMs: 10_000 } },
      text: release({ beforeListen: 'server.keepAliveTimeout = 60_000' }),
    })
    const { target, pid } = service
    const held = gate()
    const [busy, idle] = [await RawConnection.connect(target), await RawConnection.connect(target)]
    await ask(idle, '/')
    await busy.write(get(held.path))
    deploy(text)
    const reload = requestReload(target)
    const successor = await service.event((fact) => fact.event === event && fact.pid !== pid)
    service.signal('SIGTERM', pid)
    await service.exitOf(successor.pid)
    expect(await reload).toMatchObject({ code: 'ERR_HANDOVER_DRAINING', report: { outcome: 'failed' } })
    expect(isRunning(pid)).toBe(true)
    const refused: Outcome = JSON.parse((await ask(idle, '/reload')).text)
    expect(refused).toMatchObject({
      code: 'ERR_HANDOVER_DRAINING',
      message: expect.stringContaining('can no longer hand over'),
    })
    held.open()
    expect(givenBy(await busy.response())).toEqual({ pid, generation: 1 })
    expect(await service.exitOf(pid)).toMatchObject({ code: 0 })
    expect(service.processes()).toEqual([])
  },
)

test('C14: before a shutdown ends a successor on probation, the successor finishes its open request', async () => {
  const { service } = await startRelease({ config: { graceful: { probationMs: 60_000 } } })
  const { target, pid } = service
  void requestReload(target)
  const successor = await service.event((fact) => isReady(fact) && fact.pid !== pid)
  let connection: RawConnection
  do connection = await RawConnection.connect(target)
  while (givenBy(await ask(connection, '/')).pid === pid)
  // Longer than the limit for a successor that hangs.
  await connection.write(get('/slow?ms=6000'))
  service.signal('SIGTERM', pid)
  expect(givenBy(await connection.response())).toEqual({ pid: successor.pid, generation: 2 })
  expect(await service.exitOf(pid)).toMatchObject({ code: 0 })
})

test('C14: a second signal cuts the successor short, too', async () => {
  const { service, deploy } = await startRelease({ config: { graceful: { probationMs: 60_000 } } })
  const { pid } = service
  deploy(release({ afterListen: "handle.on('state', ({ state }) => state === 'draining' && tell('asked'))" }))
  const reload = requestReload(service.target).catch(() => {})
  const { pid: successor } = await service.event((fact) => isReady(fact) && fact.pid !== pid)
  const held = gate()
  let busy: RawConnection
  do busy = await RawConnection.connect(service.target)
  while (givenBy(await ask(busy, '/')).pid === pid)
  await busy.write(get(held.path))
  service.signal('SIGTERM', pid)
  await service.event('asked')
  expect(isRunning(successor)).toBe(true)
  service.signal('SIGTERM', pid)
  expect(await service.exitOf(pid)).toMatchObject({ code: 1 })
  // Its open request would keep it running for longer than this waits.
  await service.exitOf(successor)
  await reload
})
