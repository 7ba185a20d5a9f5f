// fork(2) copies the page tables of a process, so starting a successor blocks the event loop of a large one.
import type { ReloadReport } from '@handover/core'
import { expect, test } from 'vitest'
import { requestReload, startRelease } from '../support/release.js'
import { testNode } from '../support/service.js'
import { rollWorkers, startRun } from '../support/supervised.js'
import { until } from '../support/until.js'

/** Makes this process large, and each spawn take as long as that of a process with several gigabytes. */
const slowSpawns = `data:text/javascript,${encodeURIComponent(`
  import childProcess from 'node:child_process'
  import { syncBuiltinESMExports } from 'node:module'
  const { spawn } = childProcess
  globalThis.memory = Buffer.alloc(300 * 1024 ** 2, 1)
  childProcess.spawn = (...call) => {
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 120)
    return spawn(...call)
  }
  syncBuiltinESMExports()
`)}`

test('reports how long starting the successor blocked the process, and logs a long stall once', async () => {
  const { service, deploy } = await startRelease({
    execArgv: ['--import', slowSpawns],
    config: { graceful: { logger: undefined } },
  })
  deploy('process.exit(1)')
  for (const _ of [1, 2]) {
    const { report } = await requestReload(service.target)
    expect(report?.spawnMs).toBeGreaterThanOrEqual(119)
  }
  const warnings = () => service.output.match(/starting the successor blocked the event loop for \d+ ms, .*/g)
  await until('the stall is logged', () => warnings() !== null)
  expect(warnings()).toEqual([
    expect.stringMatching(
      /^.* for \d+ ms, because this process uses \d+ MiB of memory\. Under handover run the small/,
    ),
  ])
})

test('the report of a worker has no stall, because the supervisor starts successors', async () => {
  const service = await startRun('http.mjs', { command: [testNode, '--import', slowSpawns] })
  await rollWorkers(service, 1)
  const { report } = await service.event('handed-over')
  expect((report as unknown as ReloadReport).outcome).toBe('handed-over')
  expect(report).not.toHaveProperty('spawnMs')
})
