// The units of examples/systemd under a real systemd: reloads, failing releases and stops.
import { keepAlive, mixedLoad, newConnections, Tally } from '@handover/load'
import { describe, expect, test } from 'vitest'
import { read } from '../docs/pages.js'
import { askOnce, givenBy } from '../support/http.js'
import { type Manager, startManager } from '../support/systemd-manager.js'
import { startUpload } from '../support/unfinished-upload.js'
import { until } from '../support/until.js'

const answer = /generation/
const failing = "throw new Error('no database')"
/** The release starts when the file `go` exists. */
const waiting = `import { existsSync } from 'node:fs'
  import { setTimeout as pause } from 'node:timers/promises'
  while (!existsSync('/srv/app/go')) await pause(10)`

/** Starts the unit, and waits until all its workers serve: the first one already makes it active. */
async function started(unit: string): Promise<Manager> {
  const manager = await startManager()
  manager.install(`${unit}.service`)
  await manager.do('start', unit)
  const processes = unit === 'workers' ? 2 : 1
  await until('all workers serve', async () => {
    return (await manager.log()).split('generation 1 is ready').length > processes
  })
  return manager
}

const mainPid = async (manager: Manager, unit: string) => Number(await manager.show(unit, 'MainPID'))
const generationOf = async ({ target }: Manager) => givenBy(await askOnce(target, '/')).generation

async function hasStopped(manager: Manager, unit: string): Promise<void> {
  expect(await manager.show(unit, 'ActiveState')).toBe('inactive')
  expect(await manager.show(unit, 'Result')).toBe('success')
  expect(await manager.run('pgrep', '--full', 'server[.]mjs')).toEqual({ code: 1, output: '' })
}

describe.each(['app', 'workers'])('%s.service', (unit) => {
  test('C51: reloads lose no request, and systemd has the status of the new generation', async () => {
    const manager = await started(unit)
    const [tally, over] = [new Tally(), new AbortController()]
    const load = mixedLoad(manager.target, {
      workloads: [keepAlive({ clients: 4, answer }), newConnections({ clients: 2, answer })],
      tally,
      signal: over.signal,
    })
    for (const generation of [2, 3]) {
      manager.deploy(`console.log('this is the release of generation ${generation}')`)
      await manager.do('reload', unit)
      await until(`generation ${generation} serves`, () => tally.servedBy.has(generation))
      await manager.untilShown(unit, 'StatusText', (text) => text === `generation ${generation} serves`)
      expect(await manager.show(unit, 'ActiveState')).toBe('active')
      expect(await manager.log()).toContain(`this is the release of generation ${generation}`)
    }
    over.abort()
    expect((await load).failures).toEqual([])
  })

  test('C51: a reload fails when the release fails, and the unit stays active with the reason in its status', async () => {
    const manager = await started(unit)
    const pid = await mainPid(manager, unit)
    manager.deploy(failing)
    const { code, output } = await manager.systemctl('reload', unit)
    expect({ code, output }).toMatchObject({ code: 1, output: expect.stringContaining('failed') })
    expect(await manager.show(unit, 'StatusText')).toMatch(
      /exited with code 1 before it was ready: Error: no database/,
    )
    expect(await manager.show(unit, 'ActiveState')).toBe('active')
    expect(await mainPid(manager, unit)).toBe(pid)
    expect(await generationOf(manager)).toBe(1)
    manager.deploy()
    await manager.do('reload', unit)
    expect(await generationOf(manager)).toBe(2)
  })

  test('C51: with SIGHUP alone, the unit is reloading until the reload has succeeded or failed', async () => {
    const manager = await started(unit)
    for (const [code, status] of [
      ['', 'generation 2 serves'],
      [failing, 'no database'],
    ] as const) {
      manager.deploy(`${waiting}\n${code}`)
      await manager.do('kill', '--signal=HUP', '--kill-who=main', unit)
      await manager.untilShown(unit, 'ActiveState', (state) => state === 'reloading')
      manager.touch('go')
      await manager.untilShown(unit, 'ActiveState', (state) => state === 'active')
      await manager.untilShown(unit, 'StatusText', (text) => text.includes(status))
      await manager.run('rm', '/srv/app/go')
    }
  })

  test.each([0, 1])('C51: a stop after %i reloads drains', async (reloads) => {
    const manager = await started(unit)
    for (let i = 0; i < reloads; i++) await manager.do('reload', unit)
    const upload = await startUpload(manager.target)
    const stopped = manager.do('stop', unit)
    await manager.untilShown(unit, 'StatusText', (text) => text === 'draining')
    expect(await upload.finish()).toMatchObject({ status: 200 })
    await stopped
    await hasStopped(manager, unit)
  })

  test('C51: a stop during a reload drains, and the reload is canceled', async () => {
    const manager = await started(unit)
    manager.deploy(waiting)
    const reload = manager.systemctl('reload', unit)
    await until('the successor starts', async () => /is starting/.test(await manager.log()))
    const upload = await startUpload(manager.target)
    const stopped = manager.do('stop', unit)
    await manager.untilShown(unit, 'StatusText', (text) => text === 'draining')
    expect(await upload.finish()).toMatchObject({ status: 200 })
    await stopped
    expect(await reload).toMatchObject({ code: 1, output: expect.stringContaining('canceled') })
    await hasStopped(manager, unit)
  })
})

test('C51: without a control socket, the commands of the guide reload and drain', async () => {
  const manager = await startManager()
  const stop = read('docs/guides/systemd.md').match(/^ExecStop=\/bin\/sh .*$/m)?.[0]
  expect(stop).toBeDefined()
  const commands = ['ExecReload=', 'ExecReload=/bin/kill -HUP $MAINPID', 'ExecStop=', stop]
  manager.install('app.service')
  manager.install('app.service.d/commands.conf', ['[Service]', ...commands, ''].join('\n'))
  await manager.do('start', 'app')
  await manager.do('reload', 'app')
  await manager.untilShown('app', 'StatusText', (text) => text === 'generation 2 serves')
  const upload = await startUpload(manager.target)
  const stopped = manager.do('stop', 'app')
  await manager.untilShown('app', 'StatusText', (text) => text === 'draining')
  expect(await upload.finish()).toMatchObject({ status: 200 })
  await stopped
  await hasStopped(manager, 'app')
})

test('C51: each generation of a single process is the main process of the unit', async () => {
  const manager = await started('app')
  for (const generation of [1, 2, 3]) {
    if (generation > 1) await manager.do('reload', 'app')
    const pid = await mainPid(manager, 'app')
    expect(givenBy(await askOnce(manager.target, '/'))).toEqual({ generation, pid })
  }
})

test('C51: under handover run, the supervisor stays the main process of the unit', async () => {
  const manager = await started('workers')
  const pid = await mainPid(manager, 'workers')
  await manager.do('reload', 'workers')
  expect(await mainPid(manager, 'workers')).toBe(pid)
})
