// Messages that a worker's program sends to the supervisor, by mistake or on purpose.
import { randomInt } from 'node:crypto'
import { join } from 'node:path'
import type { ControlStatus } from '@handover/core/supervision'
import { expect, test } from 'vitest'
import { cli } from '../support/cli.js'
import { descriptorsOf } from '../support/processes.js'
import { programFile } from '../support/program.js'
import type { Service } from '../support/service.js'
import { rollWorkers, startRun } from '../support/supervised.js'
import { tempDir } from '../support/temp-dir.js'
import { until } from '../support/until.js'
import { whoServes } from '../support/who.js'

const quick = { probationMs: 50, drainTimeoutMs: 500 }
const control = (): string => join(tempDir(), 'control')

async function statusOf(path: string): Promise<ControlStatus> {
  const { code, stdout, stderr } = await cli(['status', '--json', '--control', path])
  if (code !== 0) throw new Error(`no status: ${code} ${stderr}`)
  return JSON.parse(stdout)
}

/** Expects that all workers serve and that the supervisor answers and reloads them. */
async function expectWhole(service: Service, path: string): Promise<void> {
  expect(service.processes()).toContain(service.pid)
  await until('it serves', async () => (await statusOf(path)).generations[0]?.state === 'ready')
  await rollWorkers(service)
  expect(await whoServes(service.target)).toMatchObject({ pid: service.serving.pid })
  await until(
    'the supervisor has the report of the reload',
    async () => (await statusOf(path)).lastReload?.outcome === 'handed-over',
  )
}

/** A program that sends the value of `expression` at SIGUSR2. It may use `other`, `socket` and `native`. */
const sends = (expression: string): string => `
  import http from 'node:http'
  import net from 'node:net'
  const { channel } = globalThis[Symbol.for('handover.early')]
  const server = http.createServer((_request, response) => {
    response.writeHead(200, { 'x-pid': process.pid, 'x-generation': handle.generation }).end('ok')
  })
  const handle = graceful(server, config.graceful)
  tellOf(handle)
  const other = net.createServer().listen(0, '127.0.0.1')
  await new Promise((resolve) => other.once('listening', resolve))
  const socket = net.connect(other.address().port, '127.0.0.1')
  await new Promise((resolve) => socket.once('connect', resolve))
  const native = socket._handle
  server.listen({ port: 0, host: '127.0.0.1' }, () => tell('listening', { addresses: [server.address()] }))
  process.on('uncaughtException', () => {})
  process.once('SIGUSR2', () => {
    for (const [message, handle] of ${expression}) channel.send(message, handle)
  })
  const cyclic = {}
  cyclic.self = cyclic
  let deep = {}
  for (let n = 0; n < 3_000; n++) deep = { deep }`

const hostile = [
  ['an unknown signal', `[[{ handover: 1, type: 'signal-successor', successor: 1, signal: 'SIGNOPE' }]]`],
  ['a listener without a handle', `[[{ handover: 1, type: 'listener', entry: entry }]]`],
  ['a listener that is a socket', `[[{ handover: 1, type: 'listener', entry: entry }, socket]]`],
  ['a listener that is a server', `[[{ handover: 1, type: 'listener', entry: entry }, other]]`],
  ['a status that has a cycle', `[[{ handover: 1, type: 'status', status: cyclic }]]`],
  [
    'progress that is not JSON',
    `[[{ handover: 1, type: 'progress', event: { event: 'phase', limitMs: 1n } }]]`,
  ],
  ['a report without a drain', `[[{ handover: 1, type: 'drained', report: {} }]]`],
  [
    'an error without a name',
    `[[{ handover: 1, type: 'reload-failed', error: { message: { toString: 1 } } }]]`,
  ],
  [
    'a message to a process that is not a successor',
    `[[{ handover: 1, type: 'to-successor', successor: 1 }]]`,
  ],
  ['a Node-internal message of an unknown type', `[[{ cmd: 'NODE_HANDLE', type: 'none' }, native]]`],
  ['a Node-internal message with a server', `[[{ cmd: 'NODE_HANDLE', type: 'net.Server' }, native]]`],
] as const

test.each(hostile)('C73: the supervisor logs and ignores %s from a program', async (_, expression) => {
  const path = control()
  const withEntry = expression.replace(
    'entry: entry',
    `entry: { fd: 4, key: 'tcp:*:0', tcp: { address: '::', port: 1 }, held: 'x' }`,
  )
  const program = programFile(sends(withEntry))
  const service = await startRun(program, { run: ['--control', path], config: { graceful: quick } })
  await service.line(/1 worker serves/)
  const open = descriptorsOf(service.pid).length
  service.signal('SIGUSR2', service.serving.pid)
  await service.line(/worker \d+: ignoring /)
  await until('no descriptor from it is left open', () => descriptorsOf(service.pid).length <= open)
  await expectWhole(service, path)
})

test('C73: the supervisor replaces a worker that sends an unreadable message', async () => {
  const path = control()
  const program = programFile(sends(`[[{ handover: 1, type: 'status', status: deep }]]`))
  const service = await startRun(program, { run: ['--control', path], config: { graceful: quick } })
  const { pid } = service.serving
  service.signal('SIGUSR2', pid)
  await service.line(/worker \d+: ignoring an unreadable message \(closing its channel: .*\)/)
  await service.exitOf(pid)
  await until('another worker serves', async () => (await whoServes(service.target)).pid !== pid)
  await expectWhole(service, path)
})

test('C73: a program that keeps requesting successors gets only one', async () => {
  const ask = `Array.from({ length: 50 }, (_, i) => [{ handover: 1, type: 'start-successor', successor: i + 1,
    wanted: { generation: 2, signals: [], listeners: [] } }])`
  const service = await startRun(programFile(sends(ask)), { config: { graceful: quick } })
  const { pid } = service.serving
  service.signal('SIGUSR2', pid)
  await service.event((fact) => fact.event === 'listening' && fact.pid !== pid)
  expect(service.processes().length).toBe(3)
})

test('C73: the supervisor survives thousands of random messages', { timeout: 120_000 }, async () => {
  const seed = Number(process.env.HANDOVER_TEST_SEED ?? randomInt(2 ** 31))
  console.log(`seed of the messages: ${seed} (HANDOVER_TEST_SEED=${seed})`)
  const path = control()
  const babble = { seed, messages: 4_000, done: join(tempDir(), 'done') }
  const service = await startRun('babble.mjs', {
    run: ['--control', path],
    config: { graceful: quick, babble },
  })
  const { pid } = service.serving
  const begun = performance.now()
  // A client that waits for a reload also receives the program's messages.
  while (service.processes().includes(pid)) {
    await statusOf(path)
    if (performance.now() - begun > 100_000) throw new Error(`seed ${seed}: process ${pid} is still running`)
  }
  await until('another worker serves', async () => (await whoServes(service.target)).pid !== pid)
  await expectWhole(service, path)
})
