import { lstatSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { RawConnection } from '@handover/load'
import { expect, test } from 'vitest'
import { cli } from '../support/cli.js'
import { startControlled } from '../support/controlled.js'
import { isProven, isReady } from '../support/generations.js'
import { gate, get, stateOf } from '../support/http.js'
import { launchProgram, startProgram } from '../support/program.js'
import { askOn, openConnections } from '../support/resting.js'
import { launchService, type Service, startService } from '../support/service.js'
import { descriptorOf, listener } from '../support/sockets.js'
import { rollWorkers, startRun } from '../support/supervised.js'
import { tempDir } from '../support/temp-dir.js'
import { until } from '../support/until.js'
import { whoServes } from '../support/who.js'

const quick = { probationMs: 20 }

/** A service on a Unix socket in its own folder. The file `release` changes the next generation. */
function onPath({ graceful = quick, ...listen }: { graceful?: object; [option: string]: unknown } = {}) {
  const folder = tempDir()
  const path = join(folder, 'app.sock')
  const release = join(tempDir(), 'release')
  const server = { keepAliveTimeout: 60_000 }
  const config = { listen: { path, ...listen }, graceful, release, server }
  return { folder, path, release, config, start: () => startService('http.mjs', { config }) }
}

test('C21: the path refers to the same socket through two reloads and is removed by a shutdown', async () => {
  const { folder, path, start } = onPath()
  const service = await start()
  const file = identity(path)
  for (const _ of ['first', 'second']) {
    const { from, to } = await service.reload()
    await service.exitOf(from.pid)
    expect(identity(path)).toEqual(file)
    expect(await whoServes({ path })).toEqual(to)
  }
  expect(readdirSync(folder)).toEqual(['app.sock'])
  await shutDown(service)
  expect(readdirSync(folder)).toEqual([])
})

test.each([
  ['before it is ready', { exit: 7 }],
  ['on probation', { dieAfterReadyMs: 1 }],
])('C21: a successor that fails %s leaves the path alone', async (_, behavior) => {
  const { path, release, start } = onPath({ graceful: { probationMs: 5_000 } })
  const service = await start()
  const file = identity(path)
  writeFileSync(release, JSON.stringify(behavior))
  await expect(service.reload()).rejects.toThrow('the reload failed')
  expect(identity(path)).toEqual(file)
  expect(await whoServes({ path })).toEqual({ pid: service.pid, generation: 1 })
})

test('C21: a successor that does not use the path removes it when it is proven', async () => {
  const { folder, path, release, config } = onPath()
  const service = await startService('http.mjs', {
    config: { ...config, listen: [{ path }, { port: 0, host: '127.0.0.1' }] },
  })
  writeFileSync(release, JSON.stringify({ listen: { port: 0, host: '127.0.0.1' } }))
  const { from } = await service.reload()
  await service.exitOf(from.pid)
  expect(readdirSync(folder)).toEqual([])
})

test('C21: a shutdown removes the path while a predecessor still drains', async () => {
  const { folder, path, start } = onPath()
  const service = await start()
  const { path: held, open } = gate()
  const client = await RawConnection.connect({ path })
  await client.write(get(held))
  await until('the request is in flight', async () => (await stateOf({ path })).connections.inFlight === 2)
  const { from, to } = await service.reload()
  service.signal('SIGTERM', to.pid)
  await service.exitOf(to.pid)
  expect(readdirSync(folder)).toEqual([])
  open()
  expect((await client.response()).status).toBe(200)
  await service.exitOf(from.pid)
  expect(readdirSync(folder)).toEqual([])
})

test('C21: the file has the mode that the options of listen set', async () => {
  const { path, start } = onPath({ writableAll: true, readableAll: true })
  const service = await start()
  expect(lstatSync(path).mode & 0o666).toBe(0o666)
  await service.reload()
  expect(lstatSync(path).mode & 0o666).toBe(0o666)
})

test('C21: a stale socket file is replaced', async () => {
  const { folder, path, start } = onPath()
  const killed = await start()
  const stale = identity(path)
  process.kill(killed.pid, 'SIGKILL')
  await killed.exitOf(killed.pid)
  expect(identity(path)).toEqual(stale)
  const service = await start()
  expect(identity(path)).not.toEqual(stale)
  expect(await whoServes({ path })).toEqual({ pid: service.pid, generation: 1 })
  expect(readdirSync(folder)).toEqual(['app.sock'])
})

test('C21: a path that another process serves causes EADDRINUSE and stays untouched', async () => {
  const { folder, path, config } = onPath()
  const theirs = await listener({ path })
  const file = identity(path)
  const service = launchService('http.mjs', { config })
  expect(await service.exitOf(service.pid)).toMatchObject({ code: 1 })
  expect(service.output).toContain(`listen EADDRINUSE: address already in use ${path}`)
  expect(identity(path)).toEqual(file)
  expect(readdirSync(folder)).toEqual(['app.sock'])
  expect(theirs.listening).toBe(true)
})

test('C21: a file that is not a socket is not replaced', async () => {
  const { path, config } = onPath()
  writeFileSync(path, 'precious')
  const service = launchService('http.mjs', { config })
  expect(await service.exitOf(service.pid)).toMatchObject({ code: 1 })
  expect(service.output).toContain(`listen EADDRINUSE: address already in use ${path}`)
  expect(readFileSync(path, 'utf8')).toBe('precious')
})

test.each([
  ['a file', (path: string) => writeFileSync(path, 'precious')],
  ['a socket of another process', (path: string) => listener({ path })],
])('C21: %s that replaced our socket file is not deleted', async (_, replace) => {
  const { folder, path, start } = onPath()
  const service = await start()
  await service.reload()
  rmSync(path)
  await replace(path)
  const file = identity(path)
  await shutDown(service)
  expect(identity(path)).toEqual(file)
  expect(readdirSync(folder)).toEqual(['app.sock'])
})

test('C65: the next reload restores a path that another process removed, with its mode', async () => {
  const { folder, path, start } = onPath({ writableAll: true, readableAll: true })
  const service = await start()
  const [open] = await openConnections({ path }, 1)
  await askOn(open as RawConnection)
  rmSync(path)
  const { to } = await service.reload()
  expect(lstatSync(path).mode & 0o666).toBe(0o666)
  expect(await whoServes({ path })).toEqual(to)
  expect(await askOn(open as RawConnection)).toBe(2)
  expect(service.output).toContain(`restored the socket file ${path}, which another process had removed`)
  // From now on it behaves like any other path.
  const file = identity(path)
  const next = await service.reload()
  await service.exitOf(to.pid)
  expect(identity(path)).toEqual(file)
  expect(await whoServes({ path })).toEqual(next.to)
  expect(readdirSync(folder)).toEqual(['app.sock'])
  await shutDown(service)
  expect(readdirSync(folder)).toEqual([])
})

test('C65: a failing reload restores a path, too, and during a reload both generations accept there', async () => {
  const { path, release, start } = onPath({ graceful: { probationMs: 5_000 } })
  const service = await start()
  writeFileSync(release, JSON.stringify({ exit: 7 }))
  for (let round = 0; round < 2; round++) {
    rmSync(path)
    await expect(service.reload()).rejects.toThrow('the reload failed')
    expect(await whoServes({ path })).toEqual({ pid: service.pid, generation: 1 })
  }
  rmSync(path)
  writeFileSync(release, '{}')
  service.signal('SIGHUP')
  const { pid } = await service.event((fact) => isReady(fact) && fact.generation === 2)
  const seen = new Set<number>()
  await until('both generations serve', async () => seen.add((await whoServes({ path })).pid).size === 2)
  expect(seen).toEqual(new Set([service.pid, pid]))
  await service.exitOf(service.pid)
})

test.each([
  ['a file', (path: string) => writeFileSync(path, 'precious')],
  ['a socket of another process', (path: string) => listener({ path })],
])('C65: %s that replaced our socket file survives a reload', async (_, replace) => {
  const { path, start } = onPath()
  const service = await start()
  rmSync(path)
  await replace(path)
  const file = identity(path)
  await service.reload()
  expect(identity(path)).toEqual(file)
  expect(service.output).toContain(
    `the socket file ${path} of generation 1 was removed and cannot be restored`,
  )
})

test('C65: under handover run, all workers serve a restored path', async () => {
  const { folder, path, config } = onPath()
  const service = await startRun('http.mjs', { run: ['--workers', '2'], config })
  rmSync(path)
  for (let reloads = 0; reloads < 2; reloads++) {
    const workers = await rollWorkers(service, 2)
    const seen = new Set<number>()
    await until('both workers serve', async () => seen.add((await whoServes({ path })).pid).size === 2)
    expect([...seen].sort()).toEqual([...workers].sort())
  }
  service.signal('SIGTERM', service.pid)
  await service.exitOf(service.pid)
  expect(readdirSync(folder)).toEqual([])
})

test('C65: a reload restores a removed control socket with access for this user only', async () => {
  const { path, service } = await startControlled()
  rmSync(path)
  const { to } = await service.reload()
  const { stdout } = await cli(['status', '--json', '--control', path])
  expect(JSON.parse(stdout).generations[0]).toMatchObject(to)
  expect(lstatSync(path).mode & 0o777).toBe(0o600)
})

test('C21: a socket from systemd survives a shutdown and a successor that does not use it', async () => {
  const { path, release, config } = onPath()
  const lent = await listener({ path })
  const activated = { config, fds: [descriptorOf(lent)], shell: 'export LISTEN_PID=$$ LISTEN_FDS=1;' }
  const file = identity(path)
  const stopped = await startService('http.mjs', activated)
  await stopped.reload()
  await shutDown(stopped)
  expect(identity(path)).toEqual(file)

  const other = { port: 0, host: '127.0.0.1' }
  const both = { ...config, listen: [{ path }, other] }
  const service = await startService('http.mjs', { ...activated, config: both })
  writeFileSync(release, JSON.stringify({ listen: other }))
  const { from, to } = await service.reload()
  await service.exitOf(from.pid)
  await service.event(isProven(to.pid))
  expect(identity(path)).toEqual(file)
})

test('C21: a relative path is found again and removed, even if the program changes its directory', async () => {
  const { folder } = onPath()
  const service = await startProgram(
    `import http from 'node:http'
    import { mkdirSync } from 'node:fs'
    const server = http.createServer()
    tellOf(graceful(server, config.graceful))
    server.listen('app.sock', () => process.chdir('/'))`,
    { cwd: folder, config: { graceful: quick } },
  )
  const file = identity(join(folder, 'app.sock'))
  await service.reload()
  expect(identity(join(folder, 'app.sock'))).toEqual(file)
  await shutDown(service)
  expect(readdirSync(folder)).toEqual([])
})

test('C21: the longest possible path of a socket works', async () => {
  const base = tempDir()
  const folder = join(base, 'x'.repeat(107 - `${base}//y`.length))
  const path = join(folder, 'y')
  mkdirSync(folder)
  expect(path).toHaveLength(107)
  const service = await startService('http.mjs', { config: { listen: { path }, graceful: quick } })
  const { to } = await service.reload()
  expect(await whoServes({ path })).toEqual(to)
  await shutDown(service)
  expect(readdirSync(folder)).toEqual([])
})

test('C21: an error of bind names the path that the program passed', async () => {
  const path = join(tempDir(), 'missing', 'app.sock')
  const service = launchProgram(
    `import http from 'node:http'
    const server = http.createServer()
    graceful(server)
    server.on('error', ({ code, message, stack, address }) => tell('error', { code, message, stack, address }))
    server.listen(config.path)`,
    { config: { path } },
  )
  const { message, stack, address } = await service.event('error')
  expect(message).toMatch(new RegExp(`^listen E[A-Z]+: .* ${path}$`))
  expect(stack).toContain(message)
  expect(address).toBe(path)
})

async function shutDown(service: Service): Promise<void> {
  const { pid } = service.serving
  service.signal('SIGTERM', pid)
  await service.exitOf(pid)
}

/** Identifies the file at the path. */
function identity(path: string): { ino: number; mode: number } {
  const { ino, mode } = lstatSync(path)
  return { ino, mode }
}
