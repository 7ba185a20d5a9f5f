// The service has one owner. Ownership moves with a message and its acknowledgement, whatever a process reads later.
import { existsSync, lstatSync, readFileSync, writeFileSync } from 'node:fs'
import { constants } from 'node:os'
import { join } from 'node:path'
import { newConnections, RawConnection, type Target } from '@handover/load'
import { expect, test } from 'vitest'
import { ask as askControl } from '../support/control.js'
import { isHandedOver, isProven, isReady } from '../support/generations.js'
import { gate, get } from '../support/http.js'
import { underLoad } from '../support/load.js'
import { privateChannel, release, requestReload, startRelease } from '../support/release.js'
import { openConnections } from '../support/resting.js'
import { accepting, rollWorkers, startRun } from '../support/supervised.js'
import { tempDir } from '../support/temp-dir.js'
import { until } from '../support/until.js'
import { whoServes } from '../support/who.js'

/** A service with a socket file, a PID file and a control socket. */
async function startOwner(graceful: object = {}) {
  const folder = tempDir()
  const [path, pidFile, control] = ['app.sock', 'pid', 'control.sock'].map((name) => join(folder, name)) as [
    string,
    string,
    string,
  ]
  const config = { listen: { path }, graceful: { probationMs: 50, pidFile, control, ...graceful } }
  const deployed = await startRelease({ config })
  await until('the control socket exists', () => existsSync(control))
  const files = () => [path, control].map((each) => lstatSync(each).ino)
  return { ...deployed, path, pidFile, control, files }
}

/** Whether a stopped or blocked process has not handled the signal yet (proc(5)). */
function hasPending(pid: number, signal: number): boolean {
  const [, pending = '0'] = /^ShdPnd:\s+([0-9a-f]+)$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? []
  return ((BigInt(`0x${pending}`) >> BigInt(signal - 1)) & 1n) === 1n
}

async function expectFirstOwns(
  { service, path, pidFile, control, files }: Awaited<ReturnType<typeof startOwner>>,
  before: readonly number[],
): Promise<void> {
  expect(files()).toEqual(before)
  expect(readFileSync(pidFile, 'utf8').trim()).toBe(String(service.pid))
  expect(await whoServes({ path })).toEqual({ pid: service.pid, generation: 1 })
  expect(await askControl(control, 'status')).toMatchObject({
    status: { generations: [{ pid: service.pid, state: 'ready' }] },
  })
  expect(service.processes()).toEqual([service.pid])
}

test('C56: a successor that is stopped on probation and resumes after the rollback touches nothing that its predecessor owns', async () => {
  const owner = await startOwner()
  const { service, deploy, path, files } = owner
  deploy(
    release({
      beforeListen: `handle.on('state', ({ onProbation }) => {
        if (onProbation) setTimeout(() => process.kill(process.pid, 'SIGSTOP'))
      })`,
    }),
  )
  const before = files()
  const reload = requestReload({ path })
  const { pid } = await service.event(({ onProbation }) => onProbation === true)
  await until('the predecessor has sent SIGTERM to it', () => hasPending(pid, constants.signals.SIGTERM))
  service.signal('SIGCONT', pid)
  expect(await reload).toMatchObject({ code: 'ERR_HANDOVER_PROBATION' })
  await expectFirstOwns(owner, before)
})

test('C56: a successor that stops after it has agreed to take over is killed, because it would own the service on resuming', async () => {
  const owner = await startOwner()
  const { deploy, path, files } = owner
  deploy(
    release({
      first: `
        const channel = ${privateChannel}
        const { send } = channel
        channel.send = (message, handle, options, done) => send.call(channel, message, handle, options, (error) => {
          done?.(error)
          if (message.type === 'can-take-over') process.kill(process.pid, 'SIGSTOP')
        })`,
    }),
  )
  const before = files()
  expect(await requestReload({ path })).toMatchObject({
    code: 'ERR_HANDOVER_PROBATION',
    message: expect.stringContaining('did not take over within 5000 ms'),
    report: { failure: { signal: 'SIGKILL' } },
  })
  await expectFirstOwns(owner, before)
})

test('C56: a successor whose event loop is blocked at the takeover touches nothing that its predecessor owns', async () => {
  const owner = await startOwner()
  const { service, deploy, folder, path, files } = owner
  const [blocked, go] = [join(folder, 'blocked'), join(folder, 'go')]
  deploy(
    release({
      beforeListen: `
        const { existsSync, writeFileSync } = await import('node:fs')
        handle.on('state', ({ onProbation }) => onProbation && setTimeout(() => {
          writeFileSync('${blocked}', '')
          while (!existsSync('${go}')) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 20)
        }))`,
    }),
  )
  const before = files()
  const reload = requestReload({ path })
  await until('the successor is blocked', () => existsSync(blocked))
  await service.line(/ending successor/)
  writeFileSync(go, '')
  expect(await reload).toMatchObject({ code: 'ERR_HANDOVER_PROBATION' })
  await expectFirstOwns(owner, before)
})

/** Closes the server. The timer keeps the process running. */
const closesServer = `
  setInterval(() => {}, 60_000)
  handle.on('state', ({ onProbation }) => onProbation && server.close())
`

test('C57: a release that closes its server on probation fails the reload', async () => {
  const { service, deploy } = await startRelease({ config: { graceful: { probationMs: 300 } } })
  deploy(release({ beforeListen: closesServer }))
  const { result, failures } = await reloadUnderLoad(service.target)
  expect(failures).toEqual([])
  expect(result).toMatchObject({ code: 'ERR_HANDOVER_PROBATION', report: { outcome: 'failed' } })
  expect(result.message).toContain('stopped listening on 127.0.0.1:')
  expect(await whoServes(service.target)).toEqual({ pid: service.pid, generation: 1 })
})

test('C57: under handover run, a release that closes its server on probation fails the reload, and the previous worker keeps serving', async () => {
  const { path, deploy } = program(release())
  const service = await startRun(path, { config: { graceful: { probationMs: 300 } }, args: [] })
  const [worker] = accepting(service)
  deploy(release({ beforeListen: closesServer }))
  await expect(rollWorkers(service)).rejects.toThrow('stopped listening on 127.0.0.1:')
  expect(await whoServes(service.target)).toMatchObject({ pid: worker })
})

test('C58: a successor that closes its channel does not take over and fails the reload', async () => {
  const owner = await startOwner()
  const { deploy, path, files } = owner
  deploy(
    release({
      beforeListen: `handle.on('state', ({ onProbation }) => onProbation && ${privateChannel}.disconnect())`,
    }),
  )
  const before = files()
  expect(await requestReload({ path })).toMatchObject({
    code: 'ERR_HANDOVER_PROBATION',
    message: expect.stringContaining('closed its channel'),
  })
  await expectFirstOwns(owner, before)
})

test('C58: a worker that closes its channel leaves the socket file to the other workers and is replaced', async () => {
  const socket = join(tempDir(), 'app.sock')
  const { path } = program(
    release({
      beforeListen: `process.on('SIGUSR2', () => { ${privateChannel}.disconnect(); tell('alone') })`,
    }),
  )
  const service = await startRun(path, {
    config: { listen: { path: socket }, graceful: { probationMs: 50 } },
    run: ['--workers', '2'],
  })
  const before = lstatSync(socket).ino
  const [first = 0] = accepting(service)
  const afterIndex = service.lastIndex
  const { failures } = await underLoad({ path: socket }, async () => {
    service.signal('SIGUSR2', first)
    await service.event(({ event, pid }) => event === 'alone' && pid === first)
    await service.event((fact) => isReady(fact), { afterIndex })
    await service.exitOf(first)
  })
  expect(failures).toEqual([])
  expect(lstatSync(socket).ino).toBe(before)
})

/** A program in its own folder, and a function that replaces it. */
function program(text: string) {
  const path = join(tempDir(), 'server.mjs')
  const deploy = (next: string) => writeFileSync(path, next)
  deploy(text)
  return { path, deploy }
}

async function reloadUnderLoad(target: Target) {
  let result: Awaited<ReturnType<typeof requestReload>> = {}
  const { failures } = await underLoad(target, async () => {
    result = await requestReload(target)
  })
  return { result, failures }
}

/** A request holds the predecessor's drain. Connections that were open meanwhile all get responses. */
test.each(['SIGKILL', 'process.exit(0)'])(
  'a predecessor that still drains serves again when its successor ends by %s, and no connection is refused',
  async (how) => {
    const owner = await startOwner()
    const { service, deploy, path, pidFile, control, files } = owner
    deploy(release({ beforeListen: `process.on('SIGUSR2', () => process.exit(0))` }))
    const before = files()
    const held = gate()
    const slow = await RawConnection.connect({ path })
    await slow.write(get(held.path))
    const resting = await openConnections({ path }, 20)
    const { failures } = await underLoad({ path }, async () => {
      service.signal('SIGHUP')
      const { pid } = await service.event((fact) => isProven(fact.pid)(fact) && fact.generation === 2)
      await service.event(isHandedOver)
      service.signal(how === 'SIGKILL' ? 'SIGKILL' : 'SIGUSR2', pid)
      await service.event(
        ({ event, code }) => event === 'reload-failed' && code === 'ERR_HANDOVER_SUCCESSOR_LOST',
      )
      expect(await whoServes({ path })).toEqual({ pid: service.pid, generation: 1 })
    }, [newConnections({ clients: 4 })])
    expect(failures.filter((failure) => /ECONNREFUSED|ENOENT/.test(JSON.stringify(failure)))).toEqual([])
    expect(files()).toEqual(before)
    expect(readFileSync(pidFile, 'utf8').trim()).toBe(String(service.pid))
    expect(await askControl(control, 'status')).toMatchObject({
      status: { generations: [{ pid: service.pid, state: 'ready' }], lastReload: { outcome: 'failed' } },
    })
    held.open()
    expect((await slow.response()).status).toBe(200)
    for (const connection of [slow, ...resting]) connection.close()
    // The predecessor can hand over again.
    deploy(release())
    await service.reload()
    expect(await whoServes({ path })).toMatchObject({ generation: 2 })
  },
)

test('a predecessor that serves again without a duplicate of its control socket binds a new one', async () => {
  const { service, deploy, path, control } = await startOwner()
  // A successor sends at most 100 duplicates.
  const others = `const { createServer } = await import('node:net')
for (let n = 0; n < 101; n++) createServer().listen(0, '127.0.0.1')`
  deploy(release({ beforeListen: others }))
  await service.reload()
  const owner = await whoServes({ path })
  const held = gate()
  const slow = await RawConnection.connect({ path })
  await slow.write(get(held.path))
  service.signal('SIGHUP', owner.pid)
  const { pid } = await service.event((fact) => isProven(fact.pid)(fact) && fact.generation === 3)
  await service.event((fact) => isHandedOver(fact) && fact.pid === owner.pid)
  service.signal('SIGKILL', pid)
  await service.event(
    ({ event, code }) => event === 'reload-failed' && code === 'ERR_HANDOVER_SUCCESSOR_LOST',
  )
  await until('the control socket reports the predecessor', async () => {
    const answer = await askControl(control, 'status').catch(() => undefined)
    return JSON.stringify(answer ?? {}).includes(`"pid":${owner.pid}`)
  })
  expect((await whoServes({ path })).pid).toBe(owner.pid)
  expect(lstatSync(control).mode & 0o777).toBe(0o600)
  held.open()
  expect((await slow.response()).status).toBe(200)
  slow.close()
})

test('a shutdown of the successor right after the switch ends the service: its predecessor does not serve again', async () => {
  const { service, path, pidFile, control } = await startOwner()
  const held = gate()
  const slow = await RawConnection.connect({ path })
  await slow.write(get(held.path))
  service.signal('SIGHUP')
  await service.event(isHandedOver)
  const { pid } = service.serving
  service.signal('SIGTERM', pid)
  await service.exitOf(pid)
  held.open()
  expect((await slow.response()).status).toBe(200)
  slow.close()
  await service.exitOf(service.pid)
  expect([path, pidFile, control].filter((each) => existsSync(each))).toEqual([])
})
