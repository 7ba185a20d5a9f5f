import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { cli, startCli, startOnTerminal } from '../support/cli.js'
import { startControlled } from '../support/controlled.js'
import { inFlight } from '../support/http.js'
import { isRunning } from '../support/processes.js'
import { type Service, startService } from '../support/service.js'
import { startRun } from '../support/supervised.js'
import { tempDir } from '../support/temp-dir.js'
import { until } from '../support/until.js'
import { whoServes } from '../support/who.js'

test('C53: handover reload returns and reports when the successor serves and the predecessor has drained', async () => {
  const { path, service } = await startControlled()
  const { code, stdout, stderr } = await cli(['reload', '--control', path])
  const { pid } = await whoServes(service.target)
  await service.exitOf(service.pid)
  const next = `generation 2 \\(pid ${pid}\\)`
  const last = `generation 1 \\(pid ${service.pid}\\)`
  expect(stdout).toMatch(
    new RegExp(
      `^${next} is serving after \\d.*s\n${last} drained in \\d.* ms: 0 connections moved, 0 closed, 0 cut\n$`,
    ),
  )
  expect(stderr).toMatch(
    new RegExp(
      `^${next} is starting; it has 1 min to become ready\n${next} is ready and on probation for 50 ms\n` +
        `${next} serves; ${last} drains for at most 30 s\n$`,
    ),
  )
  expect(code).toBe(0)
})

const failures: [string, object, object, RegExp][] = [
  ['throws', { throw: 'no database' }, {}, /SUCCESSOR_EXITED\): .*no database.*Error: no database\n {4}at /s],
  ['exits 0', { exit: 0 }, {}, /SUCCESSOR_EXITED\): .*exited with code 0/],
  ['hangs', { hang: true }, { readyTimeoutMs: 1_000 }, /READY_TIMEOUT\): .*not ready after 1000 ms/],
  ['takes too long', { slowMs: 20_000 }, { readyTimeoutMs: 1_000 }, /READY_TIMEOUT\): .*not ready after/],
  [
    'listens on another port',
    { listen: { port: 0, host: '::1' } },
    {},
    /PROBATION\): .*listens on none of its predecessor's addresses/,
  ],
]

test.each(failures)(
  'C53: when a release %s, handover reload prints the reason and exits with 1, and handover status shows it',
  async (_, behavior, graceful, reason) => {
    const { path, service, next } = await startControlled(graceful)
    next(behavior)
    const { code, stdout, stderr } = await cli(['reload', '--control', path])
    expect(stderr).toMatch(/handover: the reload failed \(ERR_HANDOVER_/)
    expect(stderr).toMatch(reason)
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' })
    expect(await whoServes(service.target)).toEqual({ pid: service.pid, generation: 1 })
    const status = await cli(['status', '--control', path])
    expect(status.stdout).toMatch(/^ *\d+ +1 {2}.+ ready /m)
    expect(status.stdout).toMatch(
      /last reload: failed at 20.*: Successor \d+ .*[Tt]his generation keeps serving\.\n$/,
    )
  },
)

test('C53: handover reload waits for a release that starts slowly', async () => {
  const { path, next } = await startControlled()
  next({ slowMs: 3_000 })
  const { code, stdout } = await cli(['reload', '--control', path])
  expect(stdout).toMatch(/is serving after ([3-9]|\d\d|\d+ min)/)
  expect(code).toBe(0)
})

test('C53: --json prints only the report of a successful, a failed and a refused reload', async () => {
  const { path, service, next, holdNext } = await startControlled()
  const json = ['reload', '--control', path, '--json']
  const well = await cli(json)
  expect(JSON.parse(well.stdout)).toMatchObject({
    outcome: 'handed-over',
    reports: [{ generation: 1, pid: service.pid, drain: { cut: [] } }],
  })
  expect(well).toMatchObject({ code: 0, stderr: '' })
  next({ throw: 'no database', slowMs: 0 })
  const failed = await cli(json)
  expect(JSON.parse(failed.stdout)).toMatchObject({
    outcome: 'failed',
    error: { code: 'ERR_HANDOVER_SUCCESSOR_EXITED', cause: { message: 'no database' } },
    reports: [{ generation: 2, failure: { exitCode: 1 } }],
  })
  expect(failed).toMatchObject({ code: 1, stderr: '' })
  const go = holdNext()
  const first = startCli(['reload', '--control', path])
  await first.printed(/is starting/)
  const refused = await cli(json)
  go()
  expect(JSON.parse(refused.stdout)).toMatchObject({
    outcome: 'refused',
    error: { code: 'ERR_HANDOVER_IN_PROGRESS' },
    reports: [],
  })
  expect(refused).toMatchObject({ code: 5, stderr: '' })
  expect(await first.ended).toMatchObject({ code: 0 })
})

test('C53: handover reload --no-wait returns while the predecessor drains', async () => {
  const { path, service } = await startControlled({ drainTimeoutMs: 60_000 })
  const { open } = await inFlight(service.target)
  const { code, stdout } = await cli(['reload', '--control', path, '--no-wait'])
  expect(stdout).toMatch(/^generation 2 \(pid \d+\) is serving after .*\n$/)
  expect(code).toBe(0)
  expect(isRunning(service.pid)).toBe(true)
  open()
  await service.exitOf(service.pid)
})

test('C53: handover reload names each connection that the drain cut', async () => {
  const { path, service } = await startControlled({ drainTimeoutMs: 500 })
  await inFlight(service.target)
  const { code, stdout } = await cli(['reload', '--control', path])
  expect(stdout).toMatch(/1 cut\n {2}cut: GET \/held \(http1, .*s\)\n$/)
  expect(code).toBe(0)
})

test('C53: Ctrl-C ends the command but not the reload', async () => {
  const { path, service, next } = await startControlled()
  next({ slowMs: 1_000 })
  const reload = startCli(['reload', '--control', path])
  await reload.printed(/is starting/)
  reload.interrupt()
  await reload.ended
  await service.exitOf(service.pid)
  expect(await whoServes(service.target)).toMatchObject({ generation: 2 })
})

test('C53: on a terminal handover reload prints a line for each phase and a progress bar for the drain', async () => {
  const { path, service } = await startControlled({ drainTimeoutMs: 60_000 })
  const { open } = await inFlight(service.target)
  const reload = startOnTerminal(['reload', '--control', path], { env: { TERM: 'xterm', COLUMNS: '120' } })
  await reload.printed(/draining [█░=-]+ 0 of 1 connections, \d+(\.\d)? s left|draining .* 0 of 1/)
  expect(reload.stdout).toMatch(/is starting.*on probation.*drains for at most 1 min/s)
  open()
  const { code, stdout } = await reload.ended
  expect(stdout).toMatch(/drained in .*: 1 connection moved, 0 closed, 0 cut\s+$/)
  expect(code).toBe(0)
})

async function startWithPidFile(pidFile: string, config: object = {}): Promise<Service> {
  const service = await startService('http.mjs', {
    config: { graceful: { probationMs: 50, pidFile }, ...config },
  })
  await until('the PID file exists', () => existsSync(pidFile))
  return service
}

test('C53: with --pid-file handover reload waits until the file names the successor and the predecessor has exited', async () => {
  const pidFile = join(tempDir(), 'app.pid')
  const service = await startWithPidFile(pidFile)
  const { code, stdout } = await cli(['reload', '--pid-file', pidFile])
  const { pid } = await whoServes(service.target)
  expect(stdout).toBe(
    `process ${pid} serves\nprocess ${service.pid} drained and exited; see the log of the service for its connections\n`,
  )
  expect(code).toBe(0)
  expect(isRunning(service.pid)).toBe(false)
  const json = await cli(['reload', '--pid-file', pidFile, '--json', '--no-wait'])
  expect(JSON.parse(json.stdout)).toMatchObject({ outcome: 'handed-over', predecessor: pid })
  await service.exitOf(pid)
})

test('C53: with --pid-file handover reload reports a failed reload and refers to the log for the reason', async () => {
  const folder = tempDir()
  const pidFile = join(folder, 'app.pid')
  const release = join(folder, 'release')
  const service = await startWithPidFile(pidFile, { release })
  writeFileSync(release, JSON.stringify({ exit: 7 }))
  const { code, stderr } = await cli(['reload', '--pid-file', pidFile])
  expect(stderr).toBe(
    `handover: the reload failed, and process ${service.pid} keeps serving. For the reason, see the log of the service, or use --control.\n`,
  )
  expect(code).toBe(1)
  expect(readFileSync(pidFile, 'utf8')).toBe(`${service.pid}\n`)
})

test('C53: with the PID file of handover run, which never changes, handover reload reports at once that the outcome is unknown', async () => {
  const pidFile = join(tempDir(), 'app.pid')
  const service = await startRun('http.mjs', { run: ['--pid-file', pidFile] })
  const { pid } = await whoServes(service.target)
  const { code, stderr } = await cli(['reload', '--pid-file', pidFile])
  expect(stderr).toMatch(
    `SIGHUP was sent to process ${service.pid}, which is handover run. Its PID file ${pidFile} never changes`,
  )
  expect(code).toBe(4)
  await service.exitOf(pid)
  expect((await whoServes(service.target)).generation).toBe(2)
})

test('C53: with --pid-file handover reload reports that the outcome is unknown after --timeout', async () => {
  const folder = tempDir()
  const pidFile = join(folder, 'app.pid')
  const release = join(folder, 'release')
  const service = await startWithPidFile(pidFile, { release })
  const waitFor = join(folder, 'go')
  writeFileSync(release, JSON.stringify({ waitFor }))
  const { code, stderr } = await cli(['reload', '--pid-file', pidFile, '--timeout', '1s'])
  expect(stderr).toMatch(/has not changed for 1 s: the outcome of the reload is unknown\. See the log/)
  expect(code).toBe(4)
  writeFileSync(waitFor, '')
  await service.exitOf(service.pid)
})

test('C53: with a PID handover reload sends the signal and reports that the outcome is unknown', async () => {
  const service = await startService('http.mjs', { config: { graceful: { probationMs: 50 } } })
  const { code, stdout, stderr } = await cli(['reload', String(service.pid)])
  expect(stderr).toMatch(
    /^handover: SIGHUP was sent to process \d+\. With only a PID, the outcome is unknown/,
  )
  expect({ code, stdout }).toEqual({ code: 4, stdout: '' })
  await service.exitOf(service.pid)
  expect(await whoServes(service.target)).toMatchObject({ generation: 2 })
})

test('C53: handover reload sends no signal to a process that SIGHUP would end', async () => {
  const service = await startService('http.mjs', { config: { graceful: { reloadSignals: ['SIGUSR2'] } } })
  const { code, stderr } = await cli(['reload', String(service.pid)])
  expect(stderr).toMatch(/does not handle SIGHUP, which would terminate it\. Nothing was sent\./)
  expect(code).toBe(3)
  await until('it serves', async () => (await whoServes(service.target)).pid === service.pid)
})

test('C53: when the service is killed during a request, the command says that the outcome is unknown', async () => {
  const { path, service, next } = await startControlled()
  next({ slowMs: 20_000 })
  const reload = startCli(['reload', '--control', path])
  await reload.printed(/is starting/)
  for (const pid of service.processes()) service.signal('SIGKILL', pid)
  const { code, stdout, stderr } = await reload.ended
  expect(stderr).toMatch(/The service closed the connection before it answered\. It may have been killed/)
  expect({ code, stdout }).toEqual({ code: 4, stdout: '' })
})

test('C63: with --queue handover reload waits for the current reload and then starts its own; without it the service refuses', async () => {
  const { path, service, next, holdNext } = await startControlled()
  const go = holdNext()
  const first = startCli(['reload', '--control', path])
  await first.printed(/generation 2 .*is starting/)
  const refused = await cli(['reload', '--control', path])
  expect(refused.stderr).toMatch(/^handover: the reload was refused \(ERR_HANDOVER_IN_PROGRESS\): .*\n$/)
  expect(refused.code).toBe(5)
  const queued = startCli(['reload', '--queue', '--control', path])
  await queued.printed(/another reload is under way; waiting for it to end/)
  next({})
  go()
  expect(await first.ended).toMatchObject({ code: 0 })
  const { code, stdout } = await queued.ended
  expect(stdout).toMatch(/^generation 3 \(pid \d+\) is serving/)
  expect(code).toBe(0)
  expect(await whoServes(service.target)).toMatchObject({ generation: 3 })
  expect(await cli(['reload', '--queue', '1'])).toMatchObject({ code: 2 })
})
