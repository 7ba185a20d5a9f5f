// The supervisor reloads on a schedule, and when a worker uses too much memory. These reloads lose no request.
import { expect, test } from 'vitest'
import { cli } from '../support/cli.js'
import { isReady } from '../support/generations.js'
import { underLoad } from '../support/load.js'
import { startRun } from '../support/supervised.js'

const config = { graceful: { probationMs: 50 } }

test.each([
  ['--max-memory', '1M', /worker \d+ uses \d+ MiB, more than 1 MiB: reloading/],
  ['--reload-every', '1s', /--reload-every: reloading/],
])('handover run %s %s replaces the worker without a failed request', async (option, value, reason) => {
  const service = await startRun('http.mjs', { config, run: [option, value] })
  const { failures } = await underLoad(service.target, async () => {
    await service.event((fact) => isReady(fact) && fact.generation === 2 && !fact.onProbation)
  })
  expect(failures).toEqual([])
  expect(service.output).toMatch(reason)
})

test.each([
  ['--max-memory', '500', /Expected an amount of memory with its unit, such as 500M or 2G/],
  ['--reload-every', '24', /Expected a time with its unit/],
])('handover run %s %s is rejected', async (option, value, why) => {
  expect(await cli(['run', option, value, 'server.js'])).toMatchObject({
    code: 2,
    stderr: expect.stringMatching(why),
  })
})
