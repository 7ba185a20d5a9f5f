// Until a ready successor is proven, its predecessor can roll back, and a rollback restores everything.
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type LoadResult, RawConnection, type Target } from '@handover/load'
import { expect, test } from 'vitest'
import { ask, givenBy } from '../support/http.js'
import { underLoad } from '../support/load.js'
import { statusOf } from '../support/processes.js'
import { type Outcome, privateChannel, release, requestReload, startRelease } from '../support/release.js'
import { fakeServiceManager } from '../support/systemd.js'
import { tempDir } from '../support/temp-dir.js'
import { until } from '../support/until.js'
import { whoServes } from '../support/who.js'

/** A release that runs `how` when the file exists and reports what it sends to its predecessor. */
const endsOnceFileExists = (file: string, how: string) =>
  release({
    beforeListen: `
      server.keepAliveTimeout = 60_000
      const { existsSync } = await import('node:fs')
      const look = setInterval(() => { if (existsSync('${file}')) { clearInterval(look); ${how} } }, 5)
      const channel = ${privateChannel}
      const { send } = channel ?? {}
      if (channel) channel.send = (message, ...more) => { tell('said', message); return send.call(channel, message, ...more) }
    `,
  })

/** Opens connections until this generation has answered on `count` of them. */
async function connectionsTo(target: Target, generation: number, count: number): Promise<RawConnection[]> {
  const kept: RawConnection[] = []
  while (kept.length < count) {
    const connection = await RawConnection.connect(target)
    if (givenBy(await ask(connection, '/')).generation === generation) kept.push(connection)
    else connection.close()
  }
  return kept
}

const endings = [
  ['exits with 0', 'process.exit(0)', { exitCode: 0, signal: null }],
  ['exits with 3', 'process.exit(3)', { exitCode: 3, signal: null }],
  ['throws', "throw new Error('no memory')", { exitCode: 1, cause: { message: 'no memory' } }],
  ['rejects', "Promise.reject(new Error('no memory'))", { exitCode: 1, cause: { message: 'no memory' } }],
  ['is killed', "process.kill(process.pid, 'SIGKILL')", { exitCode: null, signal: 'SIGKILL' }],
] as const

test.each(endings)(
  'C6: a successor that %s on probation fails the reload, and the report counts the connections that it had open',
  async (_, how, failure) => {
    const end = join(tempDir(), 'end')
    const { service, deploy } = await startRelease({
      config: { graceful: { probationMs: 60_000 } },
      text: release({ beforeListen: 'server.keepAliveTimeout = 60_000' }),
    })
    const { target } = service
    const [kept] = await connectionsTo(target, 1, 1)
    deploy(endsOnceFileExists(end, how))
    const reload = requestReload(target)
    await service.event(({ generation, event }) => generation === 2 && event === 'listening')
    const lost = await connectionsTo(target, 2, 3)
    await service.event(
      ({ event, type, connections }) => event === 'said' && type === 'open' && connections === 3,
    )
    writeFileSync(end, '')

    const { code, message, report } = await reload
    expect(code).toBe('ERR_HANDOVER_PROBATION')
    expect(message).toContain('within its probation')
    expect(report?.phases.map(({ name }) => name)).toEqual(['starting', 'probation'])
    expect(report?.failure).toMatchObject({ ...failure, lost: 3 })
    for (const { closed } of lost) expect((await closed).how).toMatch(/^(end|reset)$/)
    expect(givenBy(await ask(kept as RawConnection, '/'))).toEqual({ pid: service.pid, generation: 1 })
    expect(await whoServes(target)).toEqual({ pid: service.pid, generation: 1 })
    expect(service.processes()).toEqual([service.pid])
  },
)

/** Only clients of the successor may notice when it dies. No client is refused or hangs. */
function expectOnlyItsOwnLost({ failures }: LoadResult): void {
  for (const { workload, kind, servedBy } of failures) {
    expect(kind).toMatch(/^(reset|cut-short|closed-unannounced)$/)
    if (workload.startsWith('keep-alive')) expect(servedBy?.generation).toBe(2)
  }
}

test('C6: under load only clients of the successor notice its death', async () => {
  const { service, deploy } = await startRelease({ config: { graceful: { probationMs: 60_000 } } })
  deploy(
    release({
      beforeListen: `
        let requests = 0
        server.on('request', () => ++requests === 50 && process.kill(process.pid, 'SIGKILL'))`,
    }),
  )
  let outcome: Outcome = {}
  const load = await underLoad(service.target, async () => {
    outcome = await requestReload(service.target)
  })
  expect(outcome).toMatchObject({
    code: 'ERR_HANDOVER_PROBATION',
    report: { failure: { signal: 'SIGKILL' } },
  })
  expect(load.servedBy.get(2)).toBeGreaterThan(0)
  expectOnlyItsOwnLost(load)
})

const failing = {
  'before it is ready': release({ first: 'process.exit(1)' }),
  'at readyTimeoutMs, although it listens': release({ options: "{ ready: 'manual' }" }),
  'on probation': release({
    beforeListen: "handle.on('state', ({ onProbation }) => onProbation && setTimeout(() => process.exit(1)))",
  }),
  // The successor has learned that it is proven, but has not taken over yet.
  'when it is proven': release({
    beforeListen: `handle.on('state', ({ state, onProbation }) => {
      if (state === 'ready' && !onProbation) process.kill(process.pid, 'SIGKILL')
    })`,
  }),
}

test.each(Object.entries(failing))(
  'C8: after a failed successor (%s) everything is as before, and the next reload works',
  async (_, text) => {
    const manager = fakeServiceManager()
    const pidFile = join(tempDir(), 'pid')
    const { service, deploy } = await startRelease({
      // Long enough for the good release at the end of the test.
      config: { graceful: { probationMs: 500, readyTimeoutMs: 5_000, pidFile } },
      env: manager.env,
    })
    const namedBy = () => Number(readFileSync(pidFile, 'utf8'))
    await until('systemd has the first notification', () => manager.told.length === 1)
    deploy(text)
    expect((await requestReload(service.target)).report?.outcome).toBe('failed')
    expect(await whoServes(service.target)).toEqual({ pid: service.pid, generation: 1 })
    expect(namedBy()).toBe(service.pid)
    expect(manager.told).toEqual([
      `READY=1 MAINPID=${service.pid} STATUS=generation 1 serves`,
      expect.stringMatching(/^RELOADING=1 MONOTONIC_USEC=\d+ /),
      expect.stringMatching(new RegExp(`^READY=1 MAINPID=${service.pid} STATUS=Successor \\d+ `)),
    ])

    deploy(release())
    const { to } = await service.reload()
    expect(namedBy()).toBe(to.pid)
    expect(await whoServes(service.target)).toEqual(to)
    expect(manager.told.slice(3)).toEqual([
      expect.stringMatching(/^RELOADING=1/),
      `READY=1 MAINPID=${to.pid} STATUS=generation 2 serves`,
    ])
  },
)

test('C8: if a successor dies after the takeover, before systemd has confirmed it, its predecessor rolls back', async () => {
  const manager = fakeServiceManager()
  const pidFile = join(tempDir(), 'pid')
  const { service } = await startRelease({
    config: { graceful: { probationMs: 0, pidFile } },
    env: manager.env,
  })
  manager.holdBack('generation 2 serves')
  const outcome = requestReload(service.target)
  const { pid = 0 } = await service.event(
    ({ generation, event }) => generation === 2 && event === 'listening',
  )
  await until('systemd gets the notification about the successor', () =>
    manager.told.some((each) => each.includes(`=${pid}`)),
  )
  expect(readFileSync(pidFile, 'utf8')).toBe(`${pid}\n`)
  service.signal('SIGKILL', pid)
  // A zombie may still have threads. Its predecessor gets the exit event after the last thread has ended.
  await until('the predecessor has reaped the successor', () => statusOf(pid) === undefined)
  manager.answer()

  expect(await outcome).toMatchObject({ code: 'ERR_HANDOVER_PROBATION', report: { outcome: 'failed' } })
  expect(await whoServes(service.target)).toEqual({ pid: service.pid, generation: 1 })
  expect(readFileSync(pidFile, 'utf8')).toBe(`${service.pid}\n`)
  expect(manager.told.at(-1)).toMatch(new RegExp(`^READY=1 MAINPID=${service.pid} STATUS=Successor ${pid}`))
})

test('C8: when a reload fails at once, systemd gets its notifications in order: first the start, then the failure', async () => {
  const manager = fakeServiceManager()
  const text = release({ options: "{ successor: { cwd: '/no/such/folder' } }" })
  const { service } = await startRelease({ env: manager.env, text })
  await until('systemd has the first notification', () => manager.told.length === 1)
  await requestReload(service.target)
  expect(manager.told.slice(1)).toEqual([
    expect.stringMatching(/^RELOADING=1/),
    expect.stringMatching(/^READY=1 .*The working directory of the new process, \/no\/such\/folder/),
  ])
})
