import { execFile } from 'node:child_process'
import { lstatSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import net from 'node:net'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'
import { ask, ControlSocket } from '../support/control.js'
import { startControlled } from '../support/controlled.js'
import { inFlight } from '../support/http.js'
import { startService } from '../support/service.js'
import { tempDir } from '../support/temp-dir.js'
import { until } from '../support/until.js'
import { whoServes } from '../support/who.js'

const run = promisify(execFile)
const isRoot = process.getuid?.() === 0

test('C53: the control socket has mode 0600 before and after a reload', async () => {
  const { path } = await startControlled()
  const mode = () => lstatSync(path).mode & 0o777
  expect(mode()).toBe(0o600)
  expect(await ask(path, 'reload')).toMatchObject({ ok: true })
  expect(mode()).toBe(0o600)
})

test.runIf(isRoot)('C53: another user can see the socket but cannot connect to it', async () => {
  const { folder, path } = await startControlled()
  await run('chmod', ['0755', folder])
  const connect = `require('node:net').connect(${JSON.stringify(path)})
    .on('connect', () => process.exit(7)).on('error', ({ code }) => console.log(code))`
  const asNobody = ['--reuid', '65534', '--regid', '65534', '--clear-groups']
  const { stdout } = await run('setpriv', [...asNobody, process.execPath, '--eval', connect], { cwd: '/' })
  expect(stdout).toBe('EACCES\n')
  expect(await ask(path, 'status')).toMatchObject({ ok: true })
})

test('C53: the socket still exists after a reload, and a shutdown removes it', async () => {
  const { folder, path, service } = await startControlled()
  expect(await ask(path, 'reload')).toMatchObject({ ok: true })
  const { pid } = await whoServes(service.target)
  expect(readdirSync(folder)).toEqual(['control.sock'])
  service.signal('SIGTERM', pid)
  await service.exitOf(pid)
  expect(readdirSync(folder)).toEqual([])
})

test('C53: a new service replaces the socket of a killed service', async () => {
  const { path, service } = await startControlled()
  service.signal('SIGKILL', service.pid)
  await service.exitOf(service.pid)
  expect(lstatSync(path).isSocket()).toBe(true)
  const next = await startService('http.mjs', { config: { graceful: { control: path } } })
  await until('the new service answers', async () => {
    const { status } = (await ask(path, 'status').catch(() => ({}))) as { status?: { generations: object[] } }
    return (status?.generations[0] as { pid?: number } | undefined)?.pid === next.pid
  })
})

test('C53: a service leaves a path to the process that serves it, and serves the path after that process stops', async () => {
  const path = join(tempDir(), 'control.sock')
  const other = net.createServer()
  await new Promise<void>((resolve) => other.listen(path, resolve))
  const service = await startService('http.mjs', { config: { graceful: { control: path } } })
  await service.line(
    /The control socket .* is not served: another process serves it\. Retrying every 1000 ms\./,
  )
  expect(await whoServes(service.target)).toMatchObject({ generation: 1 })
  await new Promise((resolve) => other.close(resolve))
  await service.line(/serving the control socket .* now/)
  expect(await ask(path, 'status')).toMatchObject({ ok: true })
})

test('C53: a service does not touch a file that is not a socket', async () => {
  const path = join(tempDir(), 'control.sock')
  writeFileSync(path, 'mine')
  const service = await startService('http.mjs', { config: { graceful: { control: path } } })
  await service.line(/is not served: a file that is not a socket is there/)
  rmSync(path)
  await service.line(/serving the control socket .* now/)
})

test('C53: a successor with another path moves the socket, and a successor without the option removes it', async () => {
  const folder = tempDir()
  const first = join(folder, 'a.sock')
  const second = join(folder, 'b.sock')
  const followedBy = (graceful: object) => ({
    probationMs: 50,
    successor: { args: [join(import.meta.dirname, '../fixtures/http.mjs'), JSON.stringify({ graceful })] },
  })
  const later = { control: second, ...followedBy({ probationMs: 50 }) }
  const started = await startService('http.mjs', {
    config: { graceful: { control: first, ...followedBy(later) } },
  })
  await until('the socket exists', () => readdirSync(folder).join() === 'a.sock')
  const client = await ControlSocket.connect(first)
  client.send({ handover: 1, id: 1, request: 'watch' })
  await client.line(({ event }) => event === 'status')
  expect(await ask(first, 'reload')).toMatchObject({ ok: true })
  await until('the socket is at the other path', () => readdirSync(folder).join() === 'b.sock')
  expect(client.isClosed).toBe(false)
  expect(await ask(second, 'reload')).toMatchObject({ ok: true })
  await client.closed()
  await until('the socket is removed', () => readdirSync(folder).length === 0)
  expect(await whoServes(started.target)).toMatchObject({ generation: 3 })
})

test('C53: the successor serves a path that becomes free while the predecessor drains', async () => {
  const path = join(tempDir(), 'control.sock')
  const other = net.createServer()
  await new Promise<void>((resolve) => other.listen(path, resolve))
  const graceful = { control: path, probationMs: 50, drainTimeoutMs: 60_000 }
  const service = await startService('http.mjs', { config: { graceful } })
  const { open } = await inFlight(service.target)
  const { from, to } = await service.reload()
  await service.line(new RegExp(`handover\\[${to.pid}\\] The control socket .* is not served`))
  await new Promise((resolve) => other.close(resolve))
  await service.line(new RegExp(`handover\\[${to.pid}\\] serving the control socket .* now`))
  expect(await ask(path, 'status')).toMatchObject({ status: { generations: [to, from] } })
  open()
  await service.exitOf(from.pid)
})
