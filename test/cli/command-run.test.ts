// The commands work with `handover run` as they do with a single process.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { cli, startCli } from '../support/cli.js'
import { inFlight } from '../support/http.js'
import { launchRun, startRun } from '../support/supervised.js'
import { tempDir } from '../support/temp-dir.js'
import { until } from '../support/until.js'
import { whoServes } from '../support/who.js'

async function startWorkers(workers: number) {
  const folder = tempDir()
  const path = join(folder, 'control.sock')
  const release = join(folder, 'release')
  const service = await startRun('http.mjs', {
    run: ['--workers', String(workers), '--control', path],
    config: { graceful: { probationMs: 50 }, release },
  })
  return { path, service, next: (behavior: object) => writeFileSync(release, JSON.stringify(behavior)) }
}

/** The status leaves out what a worker does not report within 500 ms. */
async function statusMatches(path: string, pattern: RegExp): Promise<void> {
  let stdout = ''
  const matches = async () => {
    stdout = (await cli(['status', '--control', path])).stdout
    return pattern.test(stdout)
  }
  await until('every worker reports its status', matches).catch(() => {})
  expect(stdout).toMatch(pattern)
}

test('C53: handover reload reports each worker with its drain, and handover status shows all workers', async () => {
  const { path, service } = await startWorkers(2)
  const { code, stdout } = await cli(['reload', '--control', path])
  const served = 'generation 2 \\(pid \\d+\\) is serving after .*\n'
  const drained = 'generation 1 \\(pid \\d+\\) drained in .*: 0 connections moved, 0 closed, 0 cut\n'
  expect(stdout).toMatch(new RegExp(`^(${served}${drained}){2}$`))
  expect(code).toBe(0)
  const worker = ' *\\d+ +2  .+ ready +.* 0 +0 +\\d+\n'
  await statusMatches(
    path,
    new RegExp(
      `^supervisor: pid ${service.pid}, up .*, 2 workers\n *PID .*\n(${worker}){2}(generation .* probation\n)*release .*\nlast reload: handed over at .*\n$`,
    ),
  )
})

test('C53: when a release fails in a worker, reload and status report it and the other workers keep serving', async () => {
  const { path, next } = await startWorkers(2)
  next({ throw: 'no database' })
  const { code, stderr } = await cli(['reload', '--control', path])
  expect(stderr).toMatch(/the reload failed \(ERR_HANDOVER_SUCCESSOR_EXITED\): .*no database/)
  expect(code).toBe(1)
  await statusMatches(
    path,
    /( *\d+ +1 {2}.+ ready .*\n){2}(generation .*\n)*release .*\nlast reload: failed at .*no database/,
  )
})

test('C53: when a release listens on another port, handover reload reports it and the workers keep serving', async () => {
  const { path, service, next } = await startWorkers(2)
  next({ listen: { port: 0, host: '::1' } })
  const { code, stderr } = await cli(['reload', '--control', path])
  expect(stderr).toMatch(
    /the reload failed \(ERR_HANDOVER_PROBATION\): .*listens on none of its predecessor's addresses \(127\.0\.0\.1:/,
  )
  expect(code).toBe(1)
  expect(await whoServes(service.target)).toMatchObject({ generation: 1 })
})

test('C53: handover stop waits until the supervisor has exited', async () => {
  const { path, service } = await startWorkers(1)
  const { open } = await inFlight(service.target)
  const stop = startCli(['stop', '--control', path])
  await service.event(({ state }) => state === 'draining')
  open()
  const { code, stdout } = await stop.ended
  expect(stdout).toMatch(/drained in .* 1 closed, 0 cut\nthe service stopped with exit code 0\n$/)
  expect(code).toBe(0)
  expect(await service.exitOf(service.pid)).toMatchObject({ code: 0 })
})

test('C53: a client that watches handover run keeps its connection through a reload', async () => {
  const { path } = await startWorkers(1)
  const watching = startCli(['status', '--watch', '--json', '--control', path])
  await watching.printed(/"generation":1/)
  expect(await cli(['reload', '--control', path])).toMatchObject({ code: 0 })
  await watching.printed(/"generations":\[\{"generation":2/)
  watching.interrupt()
  await watching.ended
})

test('C53: by default handover run creates its control socket in its working directory, and the commands look there', async () => {
  const cwd = tempDir()
  const service = await startRun('http.mjs', { cwd, config: { graceful: { probationMs: 20 } } })
  expect(await cli(['reload'], { cwd })).toMatchObject({ code: 0 })
  expect(await whoServes(service.target)).toMatchObject({ generation: 2 })
  expect(await cli(['stop'], { cwd })).toMatchObject({ code: 0 })
  await service.exitOf(service.pid)
  expect(readdirSync(cwd)).toEqual([])
})

test('C53: handover run also reads the path of its control socket from HANDOVER_CONTROL', async () => {
  const path = join(tempDir(), 'control.sock')
  const env = { HANDOVER_CONTROL: path }
  await startRun('http.mjs', { env })
  expect(await cli(['status'], { env })).toMatchObject({ code: 0 })
})

test('handover run starts without its default control socket if it cannot create it, but not without one from --control', async () => {
  const cwd = tempDir()
  const path = join(cwd, 'handover.sock')
  writeFileSync(path, 'something else')
  const service = await startRun('http.mjs', { cwd })
  await service.line(/no control socket: .* Choose another path with --control PATH/)
  const refused = launchRun('http.mjs', { cwd, run: ['--control', path] })
  expect(await refused.exitOf(refused.pid)).toMatchObject({ code: 1 })
  expect(readFileSync(path, 'utf8')).toBe('something else')
})
