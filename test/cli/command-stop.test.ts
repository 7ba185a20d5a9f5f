import { expect, test } from 'vitest'
import { cli, startCli } from '../support/cli.js'
import { startControlled } from '../support/controlled.js'
import { inFlight } from '../support/http.js'
import { startService } from '../support/service.js'

test('C53: handover stop drains, waits until the process has exited and reports what happened to its connections', async () => {
  const { path, service } = await startControlled()
  const { open } = await inFlight(service.target)
  const stop = startCli(['stop', '--control', path])
  await service.event(({ state }) => state === 'draining')
  open()
  const { code, stdout } = await stop.ended
  expect(stdout).toMatch(
    new RegExp(
      `^generation 1 \\(pid ${service.pid}\\) drained in .*: 0 connections moved, 1 closed, 0 cut\n` +
        'the service stopped with exit code 0\n$',
    ),
  )
  expect(code).toBe(0)
  expect(await service.exitOf(service.pid)).toMatchObject({ code: 0 })
})

test('C53: handover stop names each connection that was cut and exits with 1', async () => {
  const { path, service } = await startControlled({ drainTimeoutMs: 300 })
  await inFlight(service.target)
  const { code, stdout } = await cli(['stop', '--control', path])
  expect(stdout).toMatch(/1 cut\n {2}cut: GET \/held \(http1, .*\)\nthe service stopped with exit code 1\n$/)
  expect(code).toBe(1)
  await service.exitOf(service.pid)
})

test('C53: --json prints only the report', async () => {
  const { path, service } = await startControlled()
  const { code, stdout, stderr } = await cli(['stop', '--control', path, '--json'])
  expect(JSON.parse(stdout)).toMatchObject({
    code: 0,
    reports: [{ pid: service.pid, drain: { because: 'shutdown' } }],
  })
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
})

test('C53: with a PID handover stop waits until the process exits and refers to the log for cut connections', async () => {
  const service = await startService('http.mjs')
  const { pid } = service
  const { code, stdout } = await cli(['stop', String(pid)])
  expect(stdout).toBe(
    `process ${pid} has exited; see the log of the service for connections that it cut, or use --control\n`,
  )
  expect(code).toBe(0)
  expect(await cli(['stop', String(pid)])).toMatchObject({
    code: 3,
    stderr: `handover: There is no process ${pid}.\n`,
  })
})

test('C53: with a PID handover stop reports that the process still runs after --timeout', async () => {
  const service = await startService('http.mjs')
  const { open } = await inFlight(service.target)
  const { code, stderr } = await cli(['stop', String(service.pid), '--timeout', '300ms'])
  expect(stderr).toMatch(/SIGTERM was sent to process \d+, which is still running after 300 ms/)
  expect(code).toBe(4)
  open()
  await service.exitOf(service.pid)
})
