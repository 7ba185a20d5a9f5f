// Reloads, crashes and reload requests that overlap, under `handover run`.
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { ask, ControlSocket } from '../support/control.js'
import { isHandedOver, isReady } from '../support/generations.js'
import { inFlight } from '../support/http.js'
import { requestReload } from '../support/release.js'
import { startScalable } from '../support/scalable.js'
import type { Service } from '../support/service.js'
import { startRun } from '../support/supervised.js'
import { tempDir } from '../support/temp-dir.js'
import { until } from '../support/until.js'
import { whoServes } from '../support/who.js'

const quick = { graceful: { probationMs: 50 } }
const patient = { graceful: { probationMs: 60_000 } }
/** Waits until exactly `count` workers have reported a handover. */
const handedOver = (service: Service, count: number) =>
  until(`${count} workers have handed over`, () => service.facts.filter(isHandedOver).length === count)

/** The `lastReload` in the status. */
async function lastReloadOf(path: string): Promise<unknown> {
  const { status } = (await ask(path, 'status')) as { status: { lastReload?: object } }
  return status.lastReload
}

const allNew = /workers on the new release: 2 of 2/

test('C54: ten SIGHUPs at once start one reload', async () => {
  const service = await startRun('http.mjs', { run: ['--workers', '2'], config: quick })
  for (let n = 0; n < 10; n++) process.kill(service.pid, 'SIGHUP')
  await service.line(allNew)
  expect(await whoServes(service.target)).toMatchObject({ generation: 2 })
  await handedOver(service, 2)
})

test('C54: a program that calls reload() reloads all workers and gets the report of its own worker', async () => {
  const service = await startRun('http.mjs', { run: ['--workers', '2'], config: quick })
  const { report } = await requestReload(service.target)
  expect(report).toMatchObject({ outcome: 'handed-over', successor: { generation: 2 } })
  await service.line(allNew)
  await handedOver(service, 2)
})

test("C54: the program's reload signal, sent to the supervisor, reloads all workers once", async () => {
  const config = { graceful: { ...quick.graceful, reloadSignals: ['SIGUSR2'] } }
  const service = await startRun('http.mjs', { run: ['--workers', '2'], config })
  service.signal('SIGUSR2', service.pid)
  await service.line(allNew)
  await handedOver(service, 2)
})

test('C54: a successor on probation takes over when its worker is killed', async () => {
  const service = await startRun('http.mjs', { config: patient })
  const { pid } = service.serving
  service.signal('SIGHUP', service.pid)
  const successor = await service.event(({ onProbation }) => onProbation === true)
  service.signal('SIGKILL', pid)
  await service.line(/workers on the new release: 1 of 1/)
  expect(await whoServes(service.target)).toEqual({ pid: successor.pid, generation: 2 })
  expect(service.output).not.toContain('starting a replacement')
})

test('C54: the new release immediately replaces a worker that is killed before it starts its reload', async () => {
  const control = join(tempDir(), 'control.sock')
  const service = await startRun('http.mjs', { run: ['--control', control], config: quick })
  const { pid } = service.serving
  service.signal('SIGSTOP', pid)
  const socket = await ControlSocket.connect(control)
  for (const id of [1, 2]) socket.send({ handover: 1, id, request: 'reload' })
  // The first reload is already in progress.
  expect(await socket.answer(2)).toMatchObject({ error: { code: 'ERR_HANDOVER_IN_PROGRESS' } })
  service.signal('SIGKILL', pid)
  expect(await socket.answer(1)).toMatchObject({ ok: true, reload: { outcome: 'handed-over' } })
  expect(await whoServes(service.target)).toMatchObject({ generation: 2 })
  socket.close()
})

test('C54: a reload fails when its successor is killed on probation, and the worker keeps serving', async () => {
  const service = await startRun('http.mjs', { config: patient })
  const { pid } = service.serving
  service.signal('SIGHUP', service.pid)
  const successor = await service.event(({ onProbation }) => onProbation === true)
  service.signal('SIGKILL', successor.pid)
  await service.line(/the reload failed: Successor \d+ was ended by SIGKILL within its probation/)
  expect(await whoServes(service.target)).toEqual({ pid, generation: 1 })
})

test('C54: a reload while no worker serves starts the new release immediately', async () => {
  const service = await startRun('http.mjs', { config: quick })
  service.signal('SIGKILL', service.serving.pid)
  await service.line(/starting a replacement/)
  const afterIndex = service.lastIndex
  service.signal('SIGHUP', service.pid)
  await service.event(isReady, { afterIndex })
  await service.line(/workers on the new release: 1 of 1/)
  await until('one worker serves', () => service.processes().length === 2)
})

test('C63: SIGHUPs to any process during a reload of all workers start exactly one more reload', async () => {
  const { service, holdStarts } = await startScalable(2)
  const go = holdStarts()
  const worker = service.serving.pid
  const afterIndex = service.lastIndex
  service.signal('SIGHUP', service.pid)
  await service.event('started', { afterIndex })
  for (const pid of [service.pid, worker]) process.kill(pid, 'SIGHUP')
  await service.line(/: a reload is in progress; starting another one when it ends/)
  go()
  await handedOver(service, 4)
  await until('generation 3 serves', async () => (await whoServes(service.target)).generation === 3)
  await until('the other workers have exited', () => service.processes().length === 3)
  expect(service.facts.filter(({ event }) => event === 'started')).toHaveLength(6)
})

test('the status keeps a failed reload when the drain of an earlier reload ends later', async () => {
  const [control, path] = [join(tempDir(), 'control.sock'), join(tempDir(), 'release.json')]
  const service = await startRun('http.mjs', {
    run: ['--control', control],
    config: { ...quick, release: path },
  })
  const { pid } = service.serving
  const { request, open } = await inFlight(service.target)
  service.signal('SIGHUP', service.pid)
  await handedOver(service, 1)
  await service.line(/workers on the new release: 1 of 1/)

  writeFileSync(path, JSON.stringify({ throw: 'a broken release' }))
  service.signal('SIGHUP', service.pid)
  await service.line(/the reload failed: /)
  expect(await lastReloadOf(control)).toMatchObject({ outcome: 'failed' })
  open()
  await request.response()
  await service.exitOf(pid)
  await until(
    'the supervisor knows of the exit',
    async () => !JSON.stringify(await ask(control, 'status')).includes(`"draining"`),
  )
  expect(await lastReloadOf(control)).toMatchObject({ outcome: 'failed' })
})
