// Programs that listen on a file descriptor number, under `handover run`.
import type { AddressInfo } from 'node:net'
import { expect, test } from 'vitest'
import { isRefused } from '../support/http.js'
import { underLoad } from '../support/load.js'
import { descriptorOf, inodeOf, listener, listenersOf } from '../support/sockets.js'
import { rollWorkers, startRun } from '../support/supervised.js'
import { until } from '../support/until.js'
import { whoServes } from '../support/who.js'

/** How the supervisor inherits the socket, initially descriptor 3, and the descriptor on which the program listens. */
const ways = [
  ['standard input', 'exec 0<&3 3<&-;', 0],
  ['a socket from systemd', 'export LISTEN_PID=$$ LISTEN_FDS=1 LISTEN_FDNAMES=web;', 3],
] as const

test.each(ways)(
  'C64: a service that listens on the descriptor of %s reloads and stops',
  async (_, shell, fd) => {
    const server = await listener()
    const { address: host, port } = server.address() as AddressInfo
    const inode = inodeOf(descriptorOf(server))
    const service = await startRun('http.mjs', {
      run: ['--workers', '2'],
      config: { listen: { fd }, graceful: { probationMs: 20 } },
      fds: [descriptorOf(server)],
      shell,
    })
    server.close()
    const target = { host, port }
    // Clients keep coming: see docs/explanation/limits.md about standard input.
    const { failures } = await underLoad(target, async () => {
      for (const generation of [2, 3]) {
        const pids = await rollWorkers(service, 2)
        for (const pid of pids) expect(listenersOf(pid)).toContain(inode)
        expect(await whoServes(target)).toMatchObject({ generation })
      }
    })
    expect(failures).toEqual([])
    service.signal('SIGTERM', service.pid)
    expect(await service.exitOf(service.pid)).toMatchObject({ code: 0 })
    expect(service.processes()).toEqual([])
    await until('nothing listens there', () => isRefused(target))
  },
)

test('C64: the replacement of a killed worker also gets the descriptor', async () => {
  const server = await listener()
  const { address: host, port } = server.address() as AddressInfo
  const [, shell, fd] = ways[0]
  const config = { listen: { fd }, graceful: { probationMs: 20 } }
  const service = await startRun('http.mjs', { config, fds: [descriptorOf(server)], shell })
  server.close()
  const { pid } = service.serving
  service.signal('SIGKILL', pid)
  await service.exitOf(pid)
  expect(await whoServes({ host, port })).toMatchObject({ generation: 2 })
})
