import { chmodSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { isProven } from '../support/generations.js'
import { descriptorsOf } from '../support/processes.js'
import { startProgram } from '../support/program.js'
import { startService, testNode } from '../support/service.js'
import { descriptorOf, listener } from '../support/sockets.js'
import { tempDir } from '../support/temp-dir.js'
import { until } from '../support/until.js'
import { whoServes } from '../support/who.js'

const quick = { probationMs: 20 }
const loopback = { port: 0, host: '127.0.0.1' }

test.each([1, 40])(
  'C23: no descriptor reaches a sub-process of the program, with %i listeners, in three generations',
  async (count) => {
    const service = await startProgram(
      `import { spawn } from 'node:child_process'
    import { readdirSync } from 'node:fs'
    import http from 'node:http'
    const start = (when) => {
      const sub = spawn('sleep', ['60'], { stdio: 'ignore' })
      sub.on('spawn', () => {
        tell('sub-process', { when, fds: readdirSync('/proc/' + sub.pid + '/fd') })
        sub.kill('SIGKILL')
      })
    }
    start('first')
    const servers = Array.from({ length: config.count }, () => http.createServer())
    const [handle] = servers.map((server) => graceful(server, config.graceful))
    tellOf(handle)
    handle.on('state', ({ state }) => start(state))
    for (const server of servers) server.listen(0, '127.0.0.1')`,
      { config: { count, graceful: quick }, leftOvers: 'allowed' },
    )
    const inTurn = [service.pid]
    for (const _ of ['first', 'second']) inTurn.push((await service.reload()).to.pid)
    // Before anything of Handover ran, while it is ready, and while it hands over.
    const moments = ['first', 'ready', 'handing-over']
    for (const [i, pid] of inTurn.entries()) {
      for (const moment of i < 2 ? moments : moments.slice(0, 2)) {
        const { sub } = await service.event((fact) => fact.pid === pid && fact.when === moment)
        expect(descriptorsOf(Number(sub)).map(({ fd }) => fd)).toEqual([0, 1, 2])
      }
    }
  },
)
