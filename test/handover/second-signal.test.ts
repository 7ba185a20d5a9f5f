// A second signal also cuts running hooks short, in one process and under `handover run`.
import { expect, test } from 'vitest'
import { type Service, startService } from '../support/service.js'
import { startRun } from '../support/supervised.js'

/** Far below the hook's limit, and above the promised 500 ms for the sake of busy machines. */
const limitMs = 15_000
const config = {
  graceful: { hookTimeoutMs: 60_000, lingerMs: 0 },
  hooks: [
    { name: 'first', ms: 0 },
    { name: 'stuck', ms: 60_000 },
  ],
}

/** Sends SIGTERM to `pid`, and again when the second hook runs. Resolves with the exit code. */
async function terminateTwice(service: Service, pid: number): Promise<number | undefined> {
  service.signal('SIGTERM', pid)
  await service.event('hook')
  service.signal('SIGTERM', pid)
  return (await service.exitOf(pid, limitMs)).code
}

test('C67: a second signal ends the wait for a running hook, and the exit code shows it', async () => {
  const service = await startService('http.mjs', { config })
  expect(await terminateTwice(service, service.pid)).toBe(1)
  await service.line(/onDrained hook 2 failed: .* did not end before a second signal/)
})

test('C67: under handover run, a second signal to the supervisor ends the wait for a running hook', async () => {
  const service = await startRun('http.mjs', { config })
  expect(await terminateTwice(service, service.pid)).toBe(1)
  await service.line(/onDrained hook 2 failed: .* did not end before a second signal/)
  expect(service.processes()).toEqual([])
})
