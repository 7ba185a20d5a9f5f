import { readFileSync, writeFileSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { launchProgram, startProgram } from '../support/program.js'
import type { Service } from '../support/service.js'
import { listener } from '../support/sockets.js'
import { tempDir } from '../support/temp-dir.js'

const quick = { probationMs: 20 }

test.each([
  ['graceful(options) alone', 'tellOf(graceful(config.graceful))'],
  [
    "{ ready: 'manual' }",
    `const handle = graceful({ ...config.graceful, ready: 'manual' })
    tellOf(handle)
    await handle.ready()
    tell('manual')`,
  ],
])('C27: a program without a listener starts, reloads and stops (%s)', async (_, text) => {
  const service = await startProgram(`${text}\nsetInterval(() => {}, 60_000)`, {
    config: { graceful: quick },
  })
  for (const generation of [2, 3]) {
    const { from, to } = await service.reload()
    expect(to.generation).toBe(generation)
    await service.exitOf(from.pid)
  }
  const { pid } = service.serving
  service.signal('SIGTERM')
  await service.event(
    ({ state, because, pid: of }) => of === pid && state === 'draining' && because === 'shutdown',
  )
  await service.event(({ state, pid: of }) => of === pid && state === 'exited')
  await service.exitOf(pid)
})

test('C27: a program that has nothing left to do exits by itself', async () => {
  const service = launchProgram(`tellOf(graceful(config.graceful))`, { config: { graceful: quick } })
  expect(await service.exitOf(service.pid)).toMatchObject({ code: 0 })
})

test('C28: a successor starts with the umask of the first start and without an added PWD, even if the program changes its umask', async () => {
  const program = `
    tell('process', { umask: process.umask(), variables: Object.keys(process.env) })
    const handle = graceful(config.graceful)
    process.umask(0o077)
    tellOf(handle)
    setInterval(() => {}, 60_000)`
  const options = { config: { graceful: quick }, shell: 'umask 026; unset PWD;' }
  const service = await startProgram(program, options)
  const first = await processOf(service, service.pid)
  expect(first).toMatchObject({ umask: 0o026 })
  expect(first.variables).not.toContain('PWD')
  for (const _ of ['first', 'second']) {
    const { to } = await service.reload()
    expect(await processOf(service, to.pid)).toMatchObject({ umask: 0o026, variables: first.variables })
  }
})

/** Reports how the process was started, before anything else. */
const reportsStart = `
  const { PWD, ...env } = process.env
  tell('process', { argv: process.argv, execArgv: process.execArgv, execPath: process.execPath, cwd: process.cwd(), env })
  setInterval(() => {}, 60_000)`

const processOf = (service: Service, pid: number) =>
  service.event((fact) => fact.event === 'process' && fact.pid === pid)

test('C28: a successor has another pid and the same arguments, execArgv, directory and environment, in three generations', async () => {
  const service = await startProgram(`${reportsStart}\ntellOf(graceful(config.graceful))`, {
    config: { graceful: quick },
    args: ['', ' two  words ', '--flag=a=b', '', '"quoted"', "it's", 'ünï', 'line\nbreak', '$HOME', '*'],
    execArgv: ['--max-old-space-size=300', '--no-warnings', '--stack-trace-limit=20'],
    env: { EMPTY: '', EQUALS: 'a=b=', LINES: 'a\nb', UNICODE: 'ünï', NODE_OPTIONS: '--trace-uncaught' },
    cwd: tempDir(),
  })
  const { pid, index: _, ...first } = await processOf(service, service.pid)
  for (const _ of ['first', 'second']) {
    const { to } = await service.reload()
    expect(to.pid).not.toBe(pid)
    expect(await processOf(service, to.pid)).toMatchObject(first)
  }
})

test('C28: the successor option changes only the settings that it contains', async () => {
  const folder = tempDir()
  const service = await startProgram(
    `${reportsStart}
    const successor = {
      args: [process.argv[1], process.argv[2], 'changed', ''],
      execArgv: ['--stack-trace-limit=30'],
      env: { ADDED: 'yes', CHANGED: 'after', REMOVED: undefined },
      cwd: config.folder,
    }
    tellOf(graceful({ ...config.graceful, successor }))`,
    {
      config: { graceful: quick, folder },
      args: ['as it was'],
      execArgv: ['--no-warnings'],
      env: { CHANGED: 'before', REMOVED: 'still there', KEPT: 'yes' },
    },
  )
  const first = await processOf(service, service.pid)
  const { REMOVED: _, ...kept } = first.env as Record<string, string>
  for (const _ of ['first', 'second']) {
    const { to } = await service.reload()
    expect(await processOf(service, to.pid)).toMatchObject({
      argv: [...(first.argv as string[]).slice(0, 3), 'changed', ''],
      execArgv: ['--stack-trace-limit=30'],
      cwd: folder,
      env: { ...kept, ADDED: 'yes', CHANGED: 'after' },
    })
    expect((await processOf(service, to.pid)).env).not.toHaveProperty('REMOVED')
  }
})

test('C28: a successor has the environment of the first start, even if the program changes its own', async () => {
  const service = await startProgram(
    `${reportsStart}
    process.env.OF_THE_PROGRAM = 'yes'
    delete process.env.GIVEN
    process.chdir('/')
    tellOf(graceful(config.graceful))`,
    { config: { graceful: quick }, env: { GIVEN: 'yes' } },
  )
  const first = await processOf(service, service.pid)
  const { to } = await service.reload()
  expect(await processOf(service, to.pid)).toMatchObject({ env: first.env, cwd: first.cwd })
})

test.each([
  ['execArgv', (port: number) => ({ execArgv: [`--inspect=127.0.0.1:${port}`] })],
  ['NODE_OPTIONS', (port: number) => ({ env: { NODE_OPTIONS: `--inspect=127.0.0.1:${port}` } })],
])('C28: if %s opens the inspector, the successor opens it on a different port', async (_, inspecting) => {
  const service = await startProgram(
    `import inspector from 'node:inspector'
    tell('process', { url: inspector.url(), execArgv: process.execArgv })
    setInterval(() => {}, 60_000)
    tellOf(graceful(config.graceful))`,
    { config: { graceful: quick }, ...inspecting(await freePort()) },
  )
  const urls = [await processOf(service, service.pid)]
  for (const _ of ['first', 'second']) urls.push(await processOf(service, (await service.reload()).to.pid))
  expect(new Set(urls.map(({ url }) => url)).size).toBe(3)
  for (const { url } of urls) expect(url).toMatch(/^ws:/)
  expect(urls[2]?.execArgv).toEqual(urls[1]?.execArgv)
})

test('C28: the command line does not grow from generation to generation', async () => {
  const service = await startProgram(`${reportsStart}\ntellOf(graceful(config.graceful))`, {
    config: { graceful: quick },
    execArgv: ['--no-warnings', '--inspect=0'],
  })
  const { to: second } = await service.reload()
  const before = readFileSync(`/proc/${second.pid}/cmdline`, 'utf8')
  for (const _ of ['second', 'third']) {
    const { to } = await service.reload()
    expect(readFileSync(`/proc/${to.pid}/cmdline`, 'utf8')).toBe(before)
  }
})

test('C28, C31: worker threads and forked processes of a successor work and see nothing of Handover', async () => {
  const folder = tempDir()
  const sub = join(folder, 'sub.mjs')
  writeFileSync(
    sub,
    'process.send({ env: process.env, execArgv: process.execArgv }, () => process.disconnect())',
  )
  const service = await startProgram(
    `import { execFileSync, fork } from 'node:child_process'
    import { once } from 'node:events'
    import { Worker } from 'node:worker_threads'
    const inWorker = "require('node:worker_threads').parentPort.postMessage({ env: { ...process.env }, execArgv: process.execArgv })"
    const [[worker], [forked]] = await Promise.all([
      once(new Worker(inWorker, { eval: true }), 'message'),
      once(fork(config.sub), 'message'),
    ])
    tell('process', {
      worker,
      forked,
      spawned: execFileSync('env', { encoding: 'utf8' }),
      own: { env: process.env, execArgv: process.execArgv },
    })
    setInterval(() => {}, 60_000)
    tellOf(graceful(config.graceful))`,
    { config: { graceful: quick, sub }, execArgv: ['--no-warnings'] },
  )
  const pids = [service.pid]
  for (const _ of ['first', 'second']) pids.push((await service.reload()).to.pid)
  for (const pid of pids) {
    const { worker, forked, spawned, own } = await processOf(service, pid)
    expect(JSON.stringify({ worker, forked, spawned, own })).not.toMatch(
      /HANDOVER_INHERITANCE|handover-preload/,
    )
    expect(forked).toMatchObject({ execArgv: ['--no-warnings'] })
    expect(own).toMatchObject({ execArgv: ['--no-warnings'] })
  }
})

/** A free port. */
async function freePort(): Promise<number> {
  const server = await listener()
  const { port } = server.address() as AddressInfo
  await new Promise((resolve) => server.close(resolve))
  return port
}
