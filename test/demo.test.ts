import { cpSync, readdirSync, readFileSync, realpathSync, symlinkSync, writeFileSync } from 'node:fs'
import net from 'node:net'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, onTestFinished, test, vi } from 'vitest'
import { Demo } from '../demo/src/demo.js'
import type { View } from '../demo/src/stage.js'
import { processesWith } from './support/processes.js'
import { hangs } from './support/release.js'
import { launchService, type Service } from './support/service.js'
import type { ReadLine } from './support/story.js'
import { tempDir } from './support/temp-dir.js'

const example = fileURLToPath(new URL('../examples/fastify', import.meta.url))

/** Turns every line into a fact. The pid is a placeholder. */
const readLine: ReadLine = (message) => ({ event: 'line', pid: 0, message })

/** Starts `node demo/dist/main.js` without a terminal. Its files go to `folder`. */
function launchDemo(env: Record<string, string> = {}, args: readonly string[] = []) {
  const folder = tempDir()
  const service = launchService('../../demo/dist/main.js', {
    env: { ...env, TMPDIR: folder },
    args,
    readLine,
  })
  return { service, folder }
}

/** The exit code, after a check that no process and no file is left. */
async function end({ service, folder }: { service: Service; folder: string }): Promise<number | undefined> {
  const { code } = await service.exitOf(service.pid, 100_000)
  expect(await service.leftOvers()).toEqual([])
  expect(readdirSync(folder)).toEqual([])
  return code
}

const said =
  (text: string) =>
  ({ message }: { readonly [detail: string]: unknown }) =>
    String(message).includes(text)

/** Copies the example and inserts code at its start and before it listens, where `version` is its release. */
function changedExample({ first = '', beforeListen = '' } = {}): string {
  const folder = tempDir()
  const modules = join(example, 'node_modules')
  cpSync(example, folder, { recursive: true, filter: (path) => path !== modules })
  symlinkSync(realpathSync(modules), join(folder, 'node_modules'))
  const program = readFileSync(join(example, 'server.mjs'), 'utf8')
  const listen = 'await app.listen'
  expect(program).toContain(listen)
  writeFileSync(join(folder, 'server.mjs'), first + program.replace(listen, `${beforeListen}\n${listen}`))
  return folder
}

/** Replaces code in the `live.mjs` of a copy of the example. */
function changeLive(folder: string, changes: readonly (readonly [from: string, to: string])[]): void {
  const path = join(folder, 'live.mjs')
  let program = readFileSync(path, 'utf8')
  for (const [from, to] of changes) {
    expect(program).toContain(from)
    program = program.replace(from, to)
  }
  writeFileSync(path, program)
}

/** Runs the demo in this process with a short limit. */
function demoOf(service: string, limitMs: number) {
  const folder = tempDir()
  vi.stubEnv('TMPDIR', folder)
  onTestFinished(() => void vi.unstubAllEnvs())
  const view: View = { open() {}, say() {}, close() {} }
  return { demo: new Demo({ service, port: 0, view, betweenMs: 200, limitMs }), folder }
}

/** Expects that no process with TMPDIR=folder and no file in the folder is left. */
async function nothingIsLeft(folder: string): Promise<void> {
  await vi.waitFor(() => expect(processesWith('TMPDIR', folder)).toEqual([]), 20_000)
  expect(readdirSync(folder)).toEqual([])
}

test('the demo survives the bad release, loses nothing and prints plain lines', async () => {
  const demo = launchDemo()
  expect(await end(demo)).toBe(0)
  const { output } = demo.service
  expect(output).not.toContain('\u001b')
  expect(output).toMatch(/deploy 1: current -> releases\/2, kill -HUP \d+/)
  expect(output).toContain('release 3.0.0 failed to start: DEMO_DATABASE_URL is not set')
  expect(output).toMatch(/GET \/ answers \{"release":"4.0.0","generation":3,"pid":\d+\}/)
  expect(output).toMatch(/\| generation 1 .* requests\/s \| [\d,]+ answered, 0 failed/)
  expect(output).toMatch(/starting [\d.]+ m?s, probation [\d.]+ m?s, drain [\d.]+ m?s/)
  expect(output).toContain('Error: DEMO_DATABASE_URL is not set (3/server.mjs:1)')
  // A client that reconnects for each request may close its own connections. The next line excludes them.
  expect(output).toMatch(/generation 1: [\d,]+ requests; \d+ connections: \d+ moved, \d+ closed, 0 cut/)
  expect(output).toMatch(
    /Connections moved to the next generation: \d+\. Connections closed by the server after a response: 0\./,
  )
  expect(output).toMatch(/ ok {2}No request failed: [\d,]{4,} got the right response/)
  expect(output).toMatch(
    /\| WebSockets: 50 open, 0 closed, [\d,]+ messages, 0 lost \| event streams: 20 open/,
  )
  expect(output).toMatch(/^WebSockets: 50 open, 0 closed, [\d,]+ messages, 0 lost$/m)
  expect(output).toMatch(/^event streams: 20 open, 0 closed, \d+ events, 0 lost$/m)
  expect(output).toMatch(
    / ok {2}No WebSocket closed: 50 stayed open, and each of [\d,]+ messages arrived once and in order\./,
  )
  expect(output).toMatch(
    / ok {2}No event stream closed: 20 stayed open, and each of \d+ events arrived once and in order\./,
  )
  expect(output).toContain(' ok  Broken release 3.0.0 did no harm: 2.0.0 kept serving')
  expect(output).not.toContain(' bad ')
  expect(output.trimEnd().split('\n').at(-1)).toMatch(/^PASSED: /)
}, 120_000)

test('the demo fails when the service drops requests and lists them', async () => {
  const dropping = changedExample({
    beforeListen: `let n = 0
    app.addHook('onRequest', async (request) => ++n % 500 === 0 && request.raw.socket.destroy())`,
  })
  const demo = launchDemo({}, [dropping])
  expect(await end(demo)).toBe(1)
  expect(demo.service.output).toMatch(/ bad \d+ requests failed out of [\d,]+:\n.*(cut-short|reset)/)
  expect(demo.service.output).toContain('FAILED: see the findings above.')
}, 120_000)

test('the demo fails when a deploy closes WebSockets and loses events', async () => {
  const faulty = changedExample()
  changeLive(faulty, [
    ['serialize: (socket) => states.get(socket)', 'serialize: () => undefined'],
    ['move({ id })', 'move({ id: id + 1 })'],
  ])
  const demo = launchDemo({}, [faulty])
  expect(await end(demo)).toBe(1)
  const { output } = demo.service
  expect(output).toMatch(/ bad 0 of 50 WebSockets stayed open: 50 closed, .*\n +closed with 1012/)
  expect(output).toMatch(/ bad 20 of 20 event streams stayed open: 0 closed, \d+ events, 40 lost\./)
}, 120_000)

test('the demo fails when a deploy doubles events and loses messages', async () => {
  const faulty = changedExample()
  changeLive(faulty, [
    ['states.get(socket),', '({ sent: states.get(socket).sent + 1 }),'],
    ['move({ id })', 'move({ id: id - 1 })'],
  ])
  const demo = launchDemo({}, [faulty])
  expect(await end(demo)).toBe(1)
  const { output } = demo.service
  expect(output).toMatch(/ bad 50 of 50 WebSockets stayed open: 0 closed, [\d,]+ messages, 100 lost\./)
  expect(output).toMatch(
    / bad 20 of 20 event streams stayed open: 0 closed, \d+ events, 0 lost, 40 doubled\./,
  )
}, 120_000)

test('Ctrl-C ends the demo, stops its service and removes its folder', async () => {
  const demo = launchDemo()
  const { service } = demo
  await service.event(said('deploy 1'))
  expect(service.processes().length).toBeGreaterThan(1)
  service.signal('SIGINT', service.pid)
  expect(await end(demo)).toBe(1)
  expect(service.output).toContain('FAILED: interrupted by SIGINT')
})

test('the demo reports that its port is in use', async () => {
  const holder = net.createServer()
  onTestFinished(() => void holder.close())
  await new Promise<void>((resolve) => holder.listen(0, '127.0.0.1', resolve))
  const { port } = holder.address() as net.AddressInfo
  const demo = launchDemo({ PORT: String(port) })
  expect(await end(demo)).toBe(1)
  expect(demo.service.output).toContain(`FAILED: port ${port} is in use.`)
})

test.each(['http', '65536', '-1', '1.5'])('the demo rejects PORT=%s', async (port) => {
  const demo = launchDemo({ PORT: port })
  expect(await end(demo)).toBe(1)
  expect(demo.service.output).toContain(`PORT must be an integer from 0 to 65535; it is "${port}"`)
})

test('when the service fails to start, the demo ends with the output of the service', async () => {
  const { demo, folder } = demoOf(changedExample({ first: `throw new Error('no luck today')\n` }), 20_000)
  await expect(demo.run()).rejects.toThrow(/^The service has exited. It printed:\n.*no luck today/s)
  await nothingIsLeft(folder)
})

test('a deploy that hangs ends the demo at the limit', async () => {
  const hanging = changedExample({
    beforeListen: `if (version !== '1.0.0') { ${hangs} }`,
  })
  const { demo, folder } = demoOf(hanging, 10_000)
  const ended = expect(demo.run()).rejects.toThrow(
    'Deploy 1 did not end in 10.0 s: generation 1 is handing-over.',
  )
  await vi.waitFor(() => expect(processesWith('TMPDIR', folder)).toHaveLength(2), 20_000)
  await ended
  await nothingIsLeft(folder)
})
