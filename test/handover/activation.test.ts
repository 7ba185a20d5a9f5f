import { readFileSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { startProgram } from '../support/program.js'
import { type FixtureConfig, launchService, startService } from '../support/service.js'
import { descriptorOf, inodeOf, listener, listenersOf } from '../support/sockets.js'
import { tempDir } from '../support/temp-dir.js'
import { until } from '../support/until.js'
import { whoServes } from '../support/who.js'

const quick = { probationMs: 20 }

test('C22: a socket from socket activation is used and survives reloads', async () => {
  const socket = await activated()
  const service = await startService('http.mjs', socket.options({ listen: socket.address }))
  socket.close()
  expect(listenersOf(service.pid)).toEqual([socket.inode])
  for (const _ of ['first', 'second']) {
    const { from, to } = await service.reload()
    await service.exitOf(from.pid)
    expect(listenersOf(to.pid)).toEqual([socket.inode])
    expect(await whoServes(socket.address)).toEqual(to)
  }
})

test.each([
  ['every interface', '::', (port: number) => ({ port })],
  ['every interface of IPv4', '0.0.0.0', (port: number) => ({ port })],
  ['localhost', '127.0.0.1', (port: number) => ({ port, host: 'localhost' })],
  ['localhost, which is IPv6', '::1', (port: number) => ({ port, host: 'localhost' })],
  ['another spelling', '::1', (port: number) => ({ port, host: '0:0:0:0:0:0:0:1' })],
  ['the descriptor, as sd_listen_fds(3) numbers it', '127.0.0.1', () => ({ fd: 3 })],
])('C22: a program that listens on %s gets the activated socket', async (_, host, asksFor) => {
  const socket = await activated({ port: 0, host })
  const service = await startService('http.mjs', socket.options({ listen: asksFor(socket.address.port) }))
  expect(listenersOf(service.pid)).toEqual([socket.inode])
  const { to } = await service.reload()
  expect(listenersOf(to.pid)).toEqual([socket.inode])
})

test('C22: a program gets an activated Unix socket by its path', async () => {
  const path = join(tempDir(), 'app.sock')
  const socket = await activated({ path })
  const service = await startService('http.mjs', socket.options({ listen: { path } }))
  expect(listenersOf(service.pid)).toEqual([socket.inode])
  const { to } = await service.reload()
  expect(listenersOf(to.pid)).toEqual([socket.inode])
})

test('C22: the program, its sub-processes and its successors do not see the variables of socket activation', async () => {
  const socket = await activated()
  const service = await startProgram(
    `import http from 'node:http'
    import { execFileSync } from 'node:child_process'
    const own = Object.keys(process.env)
    const passedOn = execFileSync('env', { encoding: 'utf8' })
    const server = http.createServer()
    tellOf(graceful(server, config.graceful))
    server.listen(config.listen, () => tell('variables', { own, passedOn }))`,
    socket.options({ listen: socket.address }),
  )
  const { to } = await service.reload()
  for (const pid of [service.pid, to.pid]) {
    const told = await service.event((fact) => fact.event === 'variables' && fact.pid === pid)
    expect(JSON.stringify(told)).not.toContain('LISTEN_')
    expect(JSON.stringify(told)).not.toContain('HANDOVER_INHERITANCE')
  }
  expect(readFileSync(`/proc/${to.pid}/environ`, 'utf8')).not.toContain('LISTEN_')
})

test.each([
  ['names another process', 'export LISTEN_PID=1 LISTEN_FDS=1;'],
  ['is not set', 'export LISTEN_FDS=1;'],
  ['is not a number', 'export LISTEN_PID=$$x LISTEN_FDS=1;'],
])('C22: sockets are ignored when LISTEN_PID %s', async (_, shell) => {
  const socket = await activated()
  const service = launchService('http.mjs', { ...socket.options({ listen: socket.address }), shell })
  await service.line(/EADDRINUSE/)
  expect(await service.exitOf(service.pid)).toMatchObject({ code: 1 })
})

test('C22: an activated socket that no server uses is closed, and the log names it as systemd does', async () => {
  const [wanted, unwanted] = [await activated(), await activated()]
  const service = await startService('http.mjs', {
    ...wanted.options({ listen: wanted.address }),
    fds: [wanted.fd, unwanted.fd],
    shell: activation(2, 'web:metrics'),
  })
  const line = await service.line(/closing inherited listeners that no server uses/)
  expect(line).toContain(`127.0.0.1:${unwanted.address.port} (systemd's metrics)`)
  await until('one socket is closed', () => listenersOf(service.pid).length === 1)
  expect(listenersOf(service.pid)).toEqual([wanted.inode])
})

/** Sets the variables as systemd does. They name the process that the shell becomes. */
const activation = (fds: number, names: string): string =>
  `export LISTEN_PID=$$ LISTEN_FDS=${fds} LISTEN_FDNAMES=${names} LISTEN_PIDFDID=1;`

/** A listening socket, and options that start a service with it as descriptor 3. */
async function activated(on: object = { port: 0, host: '127.0.0.1' }) {
  const server = await listener(on)
  const fd = descriptorOf(server)
  const { address: host, port } = (server.address() ?? {}) as AddressInfo
  return {
    fd,
    inode: inodeOf(fd),
    address: { host, port },
    options: (config: FixtureConfig) => ({
      config: { graceful: quick, ...config },
      fds: [fd],
      shell: activation(1, 'web'),
    }),
    /** Closes the socket in the test, so that only the service answers on it. */
    close: () => server.close(),
  }
}
