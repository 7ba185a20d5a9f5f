// `handover run` with one worker: the supervisor's process stays the same while workers come and go.
import { expect, test } from 'vitest'
import { isReady } from '../support/generations.js'
import { askOnce, inFlight } from '../support/http.js'
import { underLoad } from '../support/load.js'
import { rollWorkers, startRun } from '../support/supervised.js'
import { whoServes } from '../support/who.js'

test('C54: handover run keeps its PID through reloads, and no client notices them', async () => {
  const service = await startRun('http.mjs')
  const load = await underLoad(service.target, async () => {
    for (let reloads = 0; reloads < 3; reloads++) await rollWorkers(service)
  })
  expect(load.failures).toEqual([])
  expect(await whoServes(service.target)).toMatchObject({ generation: 4 })
  expect(service.processes()).toContain(service.pid)
})

test('C54: the supervisor replaces a killed worker, and new connections wait for the replacement', async () => {
  const service = await startRun('http.mjs')
  const { pid } = service.serving
  const afterIndex = service.lastIndex
  service.signal('SIGKILL', pid)
  await service.exitOf(pid)
  expect((await askOnce(service.target, '/')).status).toBe(200)
  expect(await service.event(isReady, { afterIndex })).toMatchObject({ generation: 2 })
  expect(service.processes()).toContain(service.pid)
})

test("C54: after SIGTERM handover run drains and exits with its worker's exit code", async () => {
  const service = await startRun('http.mjs')
  const { pid } = service.serving
  const { request: connection, open } = await inFlight(service.target)
  service.signal('SIGTERM', service.pid)
  await service.event(({ because }) => because === 'shutdown')
  open()
  expect((await connection.response()).status).toBe(200)
  expect(await service.exitOf(service.pid)).toMatchObject({ code: 0 })
  expect(service.processes()).not.toContain(pid)
})
