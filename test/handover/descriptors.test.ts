import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { descriptorsOf } from '../support/processes.js'
import { startProgram } from '../support/program.js'
import { startService, targetOf, testNode } from '../support/service.js'
import { listenersOf } from '../support/sockets.js'
import { tempDir } from '../support/temp-dir.js'
import { whoServes } from '../support/who.js'

const quick = { probationMs: 20 }
const loopback = { port: 0, host: '127.0.0.1' }

const startsSubProcesses = `
  import { spawn } from 'node:child_process'
  import { readdirSync, readlinkSync } from 'node:fs'
  import http from 'node:http'
  const start = (when) => {
    const sub = spawn('sleep', ['60'], { stdio: 'ignore' })
    sub.on('spawn', () => {
      tell('sub-process', { when, has: openIn(sub.pid) })
      sub.kill('SIGKILL')
    })
  }
  const openIn = (pid) => readdirSync('/proc/' + pid + '/fd').map((fd) => {
    try { return readlinkSync('/proc/' + pid + '/fd/' + fd) } catch { return 'closed again' }
  })
  start('first')
  const servers = Array.from({ length: config.count }, () => http.createServer())
  const [handle] = servers.map((server) => graceful(server, config.graceful))
  tellOf(handle)
  handle.on('state', ({ state }) => /ready|handing-over/.test(state) && start(state))
  for (const server of servers) server.listen(0, '127.0.0.1')`

/** The descriptors of a sub-process of the test, except files. It may inherit some from the parent of the test. */
async function descriptorsOfASubProcess(): Promise<string[]> {
  const sub = spawn('sleep', ['60'], { stdio: 'ignore' })
  await once(sub, 'spawn')
  const targets = descriptorsOf(sub.pid ?? 0).map(({ target }) => target)
  sub.kill('SIGKILL')
  return targets.filter(isNoFile)
}

/** Excludes files: the sub-process may be loading its libraries at that moment. */
const isNoFile = (target: string) => /^[a-z_]+:/.test(target)

test.each([1, 40])(
  'C23: no descriptor of Handover reaches a sub-process of the program, with %i listeners, in three generations',
  async (count) => {
    const usual = await descriptorsOfASubProcess()
    const service = await startProgram(startsSubProcesses, { config: { count, graceful: quick } })
    const inTurn = [service.pid]
    for (const _ of ['first', 'second']) inTurn.push((await service.reload()).to.pid)
    // At the start of the program, while it is ready, and while it hands over.
    for (const moment of ['first', 'ready', 'handing-over']) {
      for (const pid of moment === 'handing-over' ? inTurn.slice(0, 2) : inTurn) {
        const { has } = await service.event((fact) => fact.pid === pid && fact.when === moment)
        expect((has as string[]).filter(isNoFile), `sub-process of ${pid} at the moment ${moment}`).toEqual(
          usual,
        )
      }
    }
  },
)

/** An executable for the successor that changes its descriptors first. Descriptors 4 and 5 are the listeners. */
function tamperedWith(redirections: string): string {
  const path = join(tempDir(), 'node')
  writeFileSync(path, `#!/bin/sh\nexec ${redirections}\nexec '${testNode}' "$@"\n`)
  chmodSync(path, 0o755)
  return path
}

test.each([
  ['is a file', '4</dev/null', 'Descriptor 4 .* it is not a socket'],
  ['is closed', '4<&-', 'Descriptor 4 .* it is not a socket'],
  ['is a connection', '4<&3', 'Descriptor 4 was inherited as tcp:127.0.0.1:0, but it is a Unix socket'],
  [
    'has another address',
    '6<&4 4<&5 5<&6 6<&-',
    'Descriptor 4 was inherited as tcp:127.0.0.1:0, but it is 127.0.0.1:',
  ],
])('C25: a descriptor that %s fails the reload, not the service', async (_, redirections, why) => {
  const service = await startService('http.mjs', {
    config: {
      listen: [loopback, loopback],
      graceful: { ...quick, successor: { execPath: tamperedWith(redirections) } },
    },
  })
  const { addresses = [] } = await service.event('listening')
  await expect(service.reload()).rejects.toThrow(
    new RegExp(
      `ERR_HANDOVER_SUCCESSOR_EXITED Successor \\d+ exited with code 1 before it was ready: HandoverError: ${why}`,
    ),
  )
  for (const address of addresses)
    expect(await whoServes(targetOf(address))).toEqual({ pid: service.pid, generation: 1 })
})

test('C25: a listener whose descriptor the program has closed fails the reload, not the service', async () => {
  const service = await startProgram(
    `import http from 'node:http'
    import { closeSync } from 'node:fs'
    const servers = [http.createServer(), http.createServer()]
    const [handle] = servers.map((server) => graceful(server, config.graceful))
    tellOf(handle)
    for (const server of servers) server.listen(0, '127.0.0.1')
    process.on('SIGUSR2', () => {
      closeSync(servers[0]._handle.fd)
      tell('closed')
    })`,
    { config: { graceful: quick } },
  )
  service.signal('SIGUSR2')
  await service.event('closed')
  await expect(service.reload()).rejects.toThrow(
    /the reload failed: ERR_HANDOVER_BAD_DESCRIPTOR A successor cannot inherit the listener tcp:127.0.0.1:0: .*EBADF/,
  )
  expect(service.serving.pid).toBe(service.pid)
  expect(listenersOf(service.pid)).toHaveLength(1)
})
