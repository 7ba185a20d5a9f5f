// A successor announces that it is ready with one exact message, in time. Until then nothing has changed.
import { expect, test } from 'vitest'
import { underLoad } from '../support/load.js'
import { descendantsOf, isRunning, statusOf } from '../support/processes.js'
import { startProgram } from '../support/program.js'
import {
  hangs,
  type Outcome,
  privateChannel,
  release,
  requestReload,
  startRelease,
} from '../support/release.js'
import { tempDir } from '../support/temp-dir.js'
import { whoServes } from '../support/who.js'

const spins = 'for (;;);'

const listens = { options: "{ ready: 'manual' }" }

// The signal that ends the successor, and a limit within which it gets that far even on a busy machine.
const neverReady = [
  ['hangs while it boots', release({ first: hangs }), 'SIGTERM', 1_000],
  ['blocks its event loop while it boots', release({ first: spins }), 'SIGTERM', 1_000],
  ['listens and is never ready', release(listens), null, 4_000],
  ['listens, then spins', release({ ...listens, afterListen: spins }), 'SIGKILL', 4_000],
  ['is stopped', release({ first: `process.kill(process.pid, 'SIGSTOP'); ${hangs}` }), 'SIGKILL', 4_000],
] as const

test.each(neverReady)(
  'C3: a successor that %s is terminated at readyTimeoutMs, and no other process is',
  async (_, text, signal, readyTimeoutMs) => {
    const { service, deploy } = await startRelease({
      config: { graceful: { readyTimeoutMs } },
      text: release({
        beforeListen: "const { spawn } = await import('node:child_process'); spawn('sleep', ['600'])",
      }),
    })
    const bystanders = descendantsOf(service.pid)
    expect(bystanders).toHaveLength(1)
    deploy(text)
    let outcome: Outcome = {}
    const load = await underLoad(service.target, async () => {
      outcome = await requestReload(service.target)
    })
    expect(load.failures).toEqual([])
    const { code, message, report } = outcome
    const pid = report?.successor.pid ?? 0
    expect(code).toBe('ERR_HANDOVER_READY_TIMEOUT')
    expect(message).toContain(
      `Successor ${pid} was not ready after ${readyTimeoutMs} ms and is being terminated`,
    )
    expect(report?.failure).toMatchObject({ signal })
    expect(statusOf(pid), 'neither running nor a zombie').toBeUndefined()
    expect(descendantsOf(service.pid)).toEqual(bystanders)
    expect(bystanders.every((each) => isRunning(each))).toBe(true)
    expect(await whoServes(service.target)).toEqual({ pid: service.pid, generation: 1 })
    process.kill(bystanders[0] ?? 0, 'SIGKILL')
  },
)

test('C3: a successor that is terminated at readyTimeoutMs leaves the path of the Unix socket alone', async () => {
  const listen = { path: `${tempDir()}/socket` }
  const { service, deploy } = await startRelease({ config: { listen, graceful: { readyTimeoutMs: 4_000 } } })
  deploy(release(listens))
  const { code, report } = await requestReload(listen)
  expect(code).toBe('ERR_HANDOVER_READY_TIMEOUT')
  expect(report?.failure).toMatchObject({ exitCode: 0 })
  expect(await whoServes(listen)).toEqual({ pid: service.pid, generation: 1 })
})

test('C4: reload() before ready fails with a clear error, and right after ready it works', async () => {
  const service = await startProgram(`
    import net from 'node:net'
    const server = net.createServer()
    const handle = graceful(server, { probationMs: 0 })
    tellOf(handle)
    if (handle.generation === 1) {
      tell('early', await handle.reload().catch(({ code, message }) => ({ code, message })))
      handle.ready().then(() => handle.reload()).then(({ outcome }) => tell('late', { outcome }))
    }
    server.listen(0, '127.0.0.1')
  `)
  expect(await service.event('early')).toMatchObject({
    code: 'ERR_HANDOVER_NOT_READY',
    message: 'Generation 1 is not ready yet, so it cannot be reloaded. Wait for ready().',
  })
  expect(await service.event('late')).toMatchObject({ outcome: 'handed-over' })
  expect(service.facts.filter(({ event }) => event === 'reload-failed')).toEqual([])
})

const foreign = [
  'ready',
  7,
  null,
  { type: 'ready' },
  { ready: true },
  [{ handover: 1, type: 'ready' }],
  { handover: 1, type: 'Ready' },
  { handover: 1, type: 'open', connections: 'many' },
]

test('C5: only the exact message counts as ready; the report lists every other message', async () => {
  const { service, deploy } = await startRelease({ config: { graceful: { readyTimeoutMs: 4_000 } } })
  deploy(`for (const each of ${JSON.stringify(foreign)}) ${privateChannel}.send(each); ${hangs}`)
  const { code, report } = await requestReload(service.target)
  expect(code).toBe('ERR_HANDOVER_READY_TIMEOUT')
  expect(report?.foreignMessages).toEqual(foreign.map((each) => JSON.stringify(each)))
  expect(await whoServes(service.target)).toEqual({ pid: service.pid, generation: 1 })
})

test('C5: long messages, many messages and messages that JSON cannot represent do no harm', async () => {
  const { service, deploy } = await startRelease({ config: { graceful: { probationMs: 100 } } })
  const said = "[[1n], new Map([[1, 2]]), circular, 'x'.repeat(1_000_000), ...Array(1_000).fill('again')]"
  deploy(
    release({
      first: `const circular = {}; circular.self = circular; for (const each of ${said}) ${privateChannel}.send(each)`,
    }),
  )
  const { report } = await requestReload(service.target)
  expect(report?.outcome).toBe('handed-over')
  expect(report?.foreignMessages).toHaveLength(10)
  expect(report?.foreignMessages.slice(0, 4)).toEqual([
    '[ 1n ]',
    'Map(1) { 1 => 2 }',
    '<ref *1> { self: [Circular *1] }',
    `"${'x'.repeat(99)}`,
  ])
})

test('a program that listens on the channel itself, long before it loads core, still becomes ready', async () => {
  const { service, deploy } = await startRelease({ config: { graceful: { probationMs: 0 } } })
  deploy(
    release({
      first: `
        process.on('message', () => {})
        // A response from the predecessor means that it has already sent its first messages to this process.
        const { listeners } = JSON.parse(globalThis[Symbol.for('handover.early')].inheritance)
        await (await fetch('http://127.0.0.1:' + listeners[0].tcp.port)).text()`,
    }),
  )
  expect((await requestReload(service.target)).report?.outcome).toBe('handed-over')
})
