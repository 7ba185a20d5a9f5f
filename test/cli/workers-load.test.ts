// `handover run` with several workers, through many reloads.
import { everyWorkload } from '@handover/load'
import { expect, test } from 'vitest'
import { underLoad } from '../support/load.js'
import { descriptorsOf } from '../support/processes.js'
import { finalReports } from '../support/reports.js'
import { accepting, rollWorkers, startRun } from '../support/supervised.js'
import { until } from '../support/until.js'

const workers = 4
const reloads = 20
const config = { graceful: { probationMs: 100 } }

test('C54: 20 reloads of 4 workers under every kind of load fail no request, close no connection and never have more than 5 acceptors', {
  timeout: 600_000,
}, async () => {
  const service = await startRun('http.mjs', { run: ['--workers', String(workers)], config })
  let most = 0
  const watch = setInterval(() => {
    most = Math.max(most, accepting(service).length)
  }, 10)
  const load = await underLoad(
    service.target,
    async () => {
      for (let n = 0; n < reloads; n++) await rollWorkers(service, workers)
    },
    everyWorkload(),
  )
  clearInterval(watch)
  expect(load.failures).toEqual([])
  // The load counts a connection that closes without a `Connection: close` response as a failure.
  expect(load.closedByAnswer).toBe(0)
  expect(most).toBe(workers + 1)
  const drains = (await finalReports(service, reloads * workers)).map(({ drain }) => drain)
  expect(drains.flatMap(({ cut }) => cut)).toEqual([])
})

test('C54: 20 reloads leave no descriptor behind, in the supervisor or in a worker', {
  timeout: 300_000,
}, async () => {
  const service = await startRun('http.mjs', { run: ['--workers', '2'], config })
  const open = (pid: number) => descriptorsOf(pid).length
  await rollWorkers(service, 2)
  await until('all predecessors have exited', () => service.processes().length === 3)
  const [supervisor, worker] = [open(service.pid), open(accepting(service)[0] ?? 0)]
  for (let n = 0; n < reloads; n++) await rollWorkers(service, 2)
  await until('all predecessors have exited', () => service.processes().length === 3)
  await until('the supervisor has no additional descriptor open', () => open(service.pid) <= supervisor)
  for (const pid of accepting(service))
    await until(`worker ${pid} has no additional descriptor open`, () => open(pid) <= worker)
})
