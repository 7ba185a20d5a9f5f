// How the supervisor and systemd report a release whose `beforeReady` hook fails.
import { expect, test } from 'vitest'
import { programFile } from '../support/program.js'
import { launchService } from '../support/service.js'
import { launchRun } from '../support/supervised.js'
import { fakeServiceManager } from '../support/systemd.js'

const failing = `
  import http from 'node:http'
  const server = http.createServer()
  tellOf(graceful(server, config.graceful).beforeReady(async () => { throw new Error('the self-test failed') }))
  server.listen({ port: 0, host: '127.0.0.1' })`
const reason = 'the self-test failed'

test('C11: the status for systemd contains the reason why a beforeReady hook fails', async () => {
  const systemd = fakeServiceManager()
  const service = launchService(programFile(failing), { env: systemd.env })
  expect(await service.exitOf(service.pid)).toMatchObject({ code: 1 })
  expect(systemd.told).toEqual([`STATUS=generation 1 cannot start: ${reason}`])
})

test("C11: the supervisor's log line contains the reason why a beforeReady hook fails", async () => {
  const systemd = fakeServiceManager()
  const service = launchRun(programFile(failing), { env: systemd.env })
  expect(await service.exitOf(service.pid)).toMatchObject({ code: 1 })
  const line = await service.line(/worker \d+ exited with code 1 before it was ready/)
  expect(line).toMatch(new RegExp(`handover\\[${service.pid}\\] worker .*: Error: ${reason}`))
  expect(systemd.told).toEqual([expect.stringMatching(`^STATUS=worker \\d+ exited .*: Error: ${reason}`)])
})
