// `handover scale` beside reloads, crashes and shutdowns.
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { cli, startCli } from '../support/cli.js'
import { startControlled } from '../support/controlled.js'
import { askOnce } from '../support/http.js'
import { programFile } from '../support/program.js'
import { requestReload } from '../support/release.js'
import { startScalable } from '../support/scalable.js'
import { accepting, launchRun, rollWorkers, startRun } from '../support/supervised.js'
import { tempDir } from '../support/temp-dir.js'
import { until } from '../support/until.js'
import { whoServes } from '../support/who.js'

test('C54: when one of the new workers fails, the others leave again', async () => {
  const folder = tempDir()
  const control = join(folder, 'control')
  // Only the first two processes become ready.
  const program = programFile(`
    import { mkdirSync } from 'node:fs'
    import http from 'node:http'
    const isFirst = (name) => { try { mkdirSync(${JSON.stringify(folder)} + name); return true } catch { return false } }
    if (!isFirst('/one') && !isFirst('/two')) throw new Error('one too many')
    const server = http.createServer((request, response) => response.end())
    tellOf(graceful(server, config.graceful))
    server.listen({ port: 0, host: '127.0.0.1' }, () => tell('listening', { addresses: [server.address()] }))`)
  const service = await startRun(program, { run: ['--control', control] })
  const [first] = accepting(service)
  const { code, stderr } = await cli(['scale', '3', '--control', control])
  expect(code).toBe(1)
  expect(stderr).toContain('The number of workers is still 1, because a new one failed: ')
  expect(stderr).toContain('one too many')
  await until('the new workers have exited', () => service.processes().length === 2)
  expect(accepting(service)).toEqual([first])
})

test('C54: a reload that is requested during a scale replaces all workers afterwards', async () => {
  const { service, control, holdStarts, scale } = await startScalable(1)
  const go = holdStarts()
  const scaling = scale(2)
  await service.line(/changing the number of workers from 1 to 2/)
  const reload = startCli(['reload', '--control', control])
  // The service refuses another scale as soon as it has the request for the reload.
  const isWaiting = async () => /A reload is under way/.test((await scale(2)).stderr)
  await until('the reload waits', isWaiting)
  go()
  expect(await scaling).toMatchObject({ code: 0 })
  const { code, stdout } = await reload.ended
  expect(code).toBe(0)
  expect(stdout.match(/generation 2 \(pid \d+\) is serving/g)).toHaveLength(2)
})

test('C54: a SIGHUP and a reload of the program during a scale lose nothing', async () => {
  const { service, holdStarts, scale } = await startScalable(1)
  const go = holdStarts()
  const scaling = scale(2)
  await service.line(/changing the number of workers from 1 to 2/)
  service.signal('SIGHUP', service.pid)
  // The program may try again; the signal must not be lost.
  expect(await requestReload(service.target)).toMatchObject({ code: 'ERR_HANDOVER_IN_PROGRESS' })
  go()
  expect(await scaling).toMatchObject({ code: 0 })
  await service.line(/workers on the new release: 2 of 2/)
  expect(await whoServes(service.target)).toMatchObject({ generation: 2 })
})

test('C54: handover scale is refused during a reload, and waits for it with --queue', async () => {
  const { service, scale, control, holdStarts } = await startScalable(1)
  const go = holdStarts()
  const reload = startCli(['reload', '--control', control])
  await reload.printed(/is starting/)
  const refused = await scale(2)
  expect(refused).toMatchObject({ code: 5, stdout: '' })
  expect(refused.stderr).toBe(
    'handover: scaling was refused (ERR_HANDOVER_IN_PROGRESS): A reload is under way. Try again when it has ended.\n',
  )
  const queue = startCli(['scale', '2', '--queue', '--control', control])
  await queue.printed(/is under way; waiting for it to end/)
  go()
  const queued = await queue.ended
  expect(queued).toMatchObject({ code: 0, stdout: 'the service has 2 workers; before: 1\n' })
  expect(queued.stderr).toContain('a reload or another change of the number of workers is under way')
  expect(await reload.ended).toMatchObject({ code: 0 })
  await until('two workers serve', () => accepting(service).length === 2)
})

test('C54: a second scale is refused while workers start', async () => {
  const { service, scale, holdStarts } = await startScalable(1)
  const go = holdStarts()
  const first = scale(2)
  await service.line(/changing the number of workers from 1 to 2/)
  expect(await scale(3)).toMatchObject({
    code: 5,
    stderr: expect.stringContaining('The number of workers is changing already.'),
  })
  go()
  expect(await first).toMatchObject({ code: 0 })
})

test('C54: after a scale, a reload replaces every worker, and a killed worker is replaced', async () => {
  const { service, scale, status } = await startScalable(1)
  await scale(3)
  await rollWorkers(service, 3)
  const killed = accepting(service)[0] ?? 0
  service.signal('SIGKILL', killed)
  await service.line(/starting a replacement/)
  await until('three workers serve', () => accepting(service).length === 3)
  expect((await status()).supervisor?.workers).toBe(3)
})

test('C54: a worker that keeps crashing leaves first, and is not started again', async () => {
  const { service, scale, be, beGood } = await startScalable(3)
  const [first = 0, ...others] = accepting(service)
  be({ throw: 'cannot start' })
  service.signal('SIGKILL', first)
  await service.line(/cannot start; starting a replacement in/)
  expect(await scale(2)).toMatchObject({ code: 0 })
  expect(accepting(service)).toEqual(others)
  beGood()
  expect(await scale(3)).toMatchObject({ code: 0 })
  await until('three workers serve', () => accepting(service).length === 3)
})

test('C54: a shutdown ends workers that a scale is starting', async () => {
  const { service, scale, be } = await startScalable(1)
  be({ hang: true })
  const scaling = scale(2)
  await service.line(/changing the number of workers from 1 to 2/)
  await until('the new worker runs', () => service.processes().length === 3)
  service.signal('SIGTERM', service.pid)
  await service.exitOf(service.pid)
  expect([4, 5]).toContain((await scaling).code)
  expect(service.processes()).toEqual([])
})

test('a service without workers refuses handover scale', async () => {
  const { path } = await startControlled()
  const { code, stderr } = await cli(['scale', '2', '--control', path])
  expect(code).toBe(5)
  expect(stderr).toMatch(
    /^handover: scaling was refused \(ERR_HANDOVER_UNSUPPORTED\): Generation 1 \(pid \d+\) runs without workers, so their number cannot change\. Start the service with handover run --workers\.\n$/,
  )
})

test('handover scale finds the control socket in the configuration', async () => {
  const cwd = tempDir()
  writeFileSync(join(cwd, 'handover.config.json'), JSON.stringify({ control: 'own.sock', workers: 1 }))
  const service = launchRun('http.mjs', { cwd })
  await service.line(/1 worker serves/)
  expect(await cli(['scale', '2'], { cwd })).toMatchObject({ code: 0 })
  expect(await askOnce(service.target, '/')).toMatchObject({ status: 200 })
})
