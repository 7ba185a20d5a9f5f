// The environment of `handover run`: containers, systemd, its options and programs that do not use Handover.
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, readFileSync, renameSync, symlinkSync, writeFileSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { newConnections, type Target } from '@handover/load'
import { expect, onTestFinished, test } from 'vitest'
import { isHandedOver, isReady } from '../support/generations.js'
import { askOnce, connect, inFlight, isRefused } from '../support/http.js'
import { installCore } from '../support/installed.js'
import { underLoad } from '../support/load.js'
import { descendantsOf, ended, statusOf } from '../support/processes.js'
import { coreUrl, programFile } from '../support/program.js'
import { launchService, testNode } from '../support/service.js'
import { descriptorOf, listener, listenersOf } from '../support/sockets.js'
import { handover, launchRun, rollWorkers, startRun } from '../support/supervised.js'
import { fakeServiceManager } from '../support/systemd.js'
import { tempDir } from '../support/temp-dir.js'
import { until } from '../support/until.js'
import { whoServes } from '../support/who.js'

const quick = { graceful: { probationMs: 20 } }

test('C54: as PID 1 of a PID namespace handover run reloads, replaces a crashed worker and stops without leaving a zombie', async () => {
  const own = process.getuid?.() === 0 ? [] : ['--user', '--map-root-user']
  const namespace = [...own, '--pid', '--fork', '--mount-proc', '--kill-child']
  const service = launchService('http.mjs', {
    node: 'unshare',
    execArgv: [...namespace, testNode, handover, 'run', '--', testNode],
    config: quick,
    leftOvers: 'allowed',
  })
  await Promise.all([service.event('listening'), service.event(isReady)])
  const [supervisor = 0] = descendantsOf(service.pid)
  const zombies = () => descendantsOf(service.pid).filter((pid) => statusOf(pid)?.state === 'Z')

  process.kill(supervisor, 'SIGHUP')
  const { pid } = await service.event(isHandedOver)
  await service.event((fact) => fact.event === 'state' && fact.pid === pid && fact.state === 'exited')
  expect(await whoServes(service.target)).toMatchObject({ generation: 2 })

  await until('one worker is left', () => descendantsOf(supervisor).length === 1)
  process.kill(descendantsOf(supervisor)[0] ?? 0, 'SIGKILL')
  expect(await whoServes(service.target)).toMatchObject({ generation: 3 })
  expect(zombies()).toEqual([])

  process.kill(supervisor, 'SIGTERM')
  expect(await service.exitOf(service.pid)).toMatchObject({ code: 0 })
  expect(service.processes()).toEqual([])
})

/** A listening socket that stays open but never accepts, like one that systemd holds. */
async function heldSocket() {
  const server = await listener()
  const { address: host, port } = server.address() as AddressInfo
  const echo = fork('-', {
    execArgv: ['--eval', "process.on('message', (message, handle) => process.send(message, handle))"],
  })
  onTestFinished(() => void echo.kill())
  const { _handle } = server as unknown as { _handle: never }
  echo.send('back', _handle)
  const [, handle] = await once(echo, 'message')
  onTestFinished(() => handle.close())
  server.close()
  return { fd: descriptorOf({ _handle: handle }), target: { host, port } }
}

test('C54: with socket activation no connection is refused between the exit of a supervisor and the start of the next', async () => {
  const { fd, target } = await heldSocket()
  const activated = {
    config: { listen: target },
    fds: [fd],
    shell: 'export LISTEN_PID=$$ LISTEN_FDS=1 LISTEN_FDNAMES=web;',
    run: ['--workers', '2'],
  }
  const first = await startRun('http.mjs', activated)
  const load = await underLoad(target, async () => {
    first.signal('SIGTERM', first.pid)
    expect(await first.exitOf(first.pid)).toMatchObject({ code: 0 })
    const next = await startRun('http.mjs', activated)
    for (let n = 0; n < 20; n++) await askOnce(next.target, '/')
  }, [newConnections({ clients: 4 })])
  expect(load.failures).toEqual([])
  expect(load.requests).toBeGreaterThan(10)
})

test('C54: a Unix socket exists through reloads and a crash, and handover run removes it at the end', async () => {
  const path = join(tempDir(), 'app.sock')
  const service = await startRun('http.mjs', { config: { ...quick, listen: { path } } })
  const load = await underLoad({ path }, async () => {
    await rollWorkers(service)
    await rollWorkers(service)
  })
  expect(load.failures).toEqual([])
  const { pid } = service.serving
  service.signal('SIGKILL', pid)
  await service.exitOf(pid)
  expect(await whoServes({ path })).toMatchObject({ generation: 4 })
  service.signal('SIGTERM', service.pid)
  expect(await service.exitOf(service.pid)).toMatchObject({ code: 0 })
  expect(existsSync(path)).toBe(false)
})

test('C54: an address that a new release no longer listens on refuses connections soon after the last worker is replaced', async () => {
  const release = join(tempDir(), 'release.json')
  const control = join(tempDir(), 'control.sock')
  const two = [1, 2].map(() => ({ port: 0, host: '127.0.0.1' }))
  const config = { ...quick, release, listen: two }
  const service = await startRun('http.mjs', { config, run: ['--control', control] })
  // The supervisor has the worker's listeners by now.
  await service.line(/1 worker serves/)
  // While a client watches, the supervisor queries the workers every second.
  const watch = await connect({ path: control })
  await watch.write('{"handover":1,"id":1,"request":"watch"}\n')
  writeFileSync(release, JSON.stringify({ listen: two.slice(1) }))
  const [kept, dropped] = service.targets as [Target, Target]
  const held = listenersOf(service.pid)
  await rollWorkers(service)
  // A client that keeps connecting would fill the accept queue and then wait.
  await until(
    'the supervisor has closed the listener',
    () => listenersOf(service.pid).length === held.length - 1,
  )
  await until('the address refuses connections', () => isRefused(dropped))
  expect(await whoServes(kept)).toMatchObject({ generation: 2 })
})

/** Reports its environment variables each time it starts. */
const teller = (names: readonly string[]) => `
  import http from 'node:http'
  const server = http.createServer((_request, response) => response.end('ok'))
  tellOf(graceful(server, config.graceful))
  const variables = Object.fromEntries(${JSON.stringify(names)}.map((name) => [name, process.env[name]]))
  server.listen({ port: 0, host: '127.0.0.1' }, () =>
    tell('listening', { variables, cwd: process.cwd(), addresses: [server.address()] }))`

test('C54: handover run reads --env-file at each start, and the environment overrides it', async () => {
  const file = join(tempDir(), 'env')
  writeFileSync(file, 'FROM_FILE=one\nFROM_BOTH=file\n')
  const program = programFile(teller(['FROM_FILE', 'FROM_BOTH', 'NOTIFY_SOCKET']))
  const env = { FROM_BOTH: 'environment', NOTIFY_SOCKET: '/nowhere' }
  const service = await startRun(program, { run: ['--env-file', file], env, config: quick })
  const { variables, index } = await service.event('listening')
  expect(variables).toEqual({ FROM_FILE: 'one', FROM_BOTH: 'environment' })
  writeFileSync(file, 'FROM_FILE=two\n')
  await rollWorkers(service)
  const next = await service.event('listening', { afterIndex: index })
  expect(next.variables).toEqual({ FROM_FILE: 'two', FROM_BOTH: 'environment' })
})

test('C54: handover run resolves --cwd through a "current" link at each start', async () => {
  const root = tempDir()
  const deploy = (release: string) => {
    mkdirSync(join(root, release))
    installCore(join(root, release))
    const text = readFileSync(programFile(teller([])), 'utf8')
    writeFileSync(join(root, release, 'server.mjs'), text.replace(coreUrl, '@handover/core'))
    symlinkSync(release, join(root, 'next'))
    renameSync(join(root, 'next'), join(root, 'current'))
  }
  deploy('one')
  // The shell replaces the program's absolute path with server.mjs, which is relative to --cwd.
  const service = launchRun('http.mjs', {
    config: quick,
    run: ['--cwd', join(root, 'current')],
    shell: 'node=$0 main=$1 config=$8; set -- "$1" "$2" "$3" "$4" "$5" "$6" server.mjs "$8";',
  })
  const { cwd, index } = await service.event('listening')
  expect(cwd).toBe(join(root, 'one'))
  await service.event(isReady)
  deploy('two')
  await rollWorkers(service)
  expect((await service.event('listening', { afterIndex: index })).cwd).toBe(join(root, 'two'))
})

test('C54: handover run rejects a shell at once', async () => {
  const service = launchRun('http.mjs', { command: ['sh', '-c', 'sleep 60'] })
  expect(await service.exitOf(service.pid)).toMatchObject({ code: 2 })
  expect(service.output).toContain('"sh" is not Node')
})

test('C54: handover run starts a script without "node" in its own Node', async () => {
  const service = await startRun('http.mjs', { command: [], config: quick })
  await rollWorkers(service)
  service.signal('SIGTERM', service.pid)
  expect(await service.exitOf(service.pid)).toMatchObject({ code: 0 })
})

test('C54: handover run rejects --cwd of a missing folder, and its error does not claim that a generation keeps serving', async () => {
  const service = launchRun('http.mjs', { run: ['--cwd', '/missing/release'] })
  expect(await service.exitOf(service.pid)).toMatchObject({ code: 1 })
  expect(service.output).toContain(
    'The working directory of the new process, /missing/release, does not exist.',
  )
  expect(service.output).toContain('No process was started.')
  expect(service.output).not.toContain('keeps serving')
})

const plain = `
  const { createServer } = await import('node:http')
  const plain = createServer((_request, response) => response.end('plain'))
  plain.listen({ port: 0, host: '127.0.0.1' }, () => tell('listening', { addresses: [plain.address()] }))`

test('C54: handover run ends a server that does not use Handover and says how to add it', async () => {
  const service = launchRun(programFile(plain), { run: ['--ready-timeout', '1s'] })
  expect(await service.exitOf(service.pid)).toMatchObject({ code: 1 })
  expect(service.output).toMatch(
    /was not ready after 1000 ms\. It does not use Handover: .*@handover\/core\/register/,
  )
  expect(service.processes()).toEqual([])
})

test('C54: handover run warns early about a server that does not use Handover', async () => {
  const service = launchRun(programFile(plain))
  await service.line(
    /worker \d+ listens, but never becomes ready\. It does not use Handover: .*@handover\/core\/register/,
  )
  service.signal('SIGTERM', service.pid)
  expect(await service.exitOf(service.pid)).toMatchObject({ code: 128 + 15 })
})

test('C54: a server without Handover reloads with @handover/core/register', async () => {
  const register = fileURLToPath(new URL('register.js', coreUrl))
  const service = launchRun(programFile(plain), {
    command: [testNode, '--import', register],
    env: { HANDOVER_OPTIONS: '{"probationMs":20}' },
  })
  await service.line(/1 worker serves/)
  service.signal('SIGHUP', service.pid)
  await service.line(/workers on the new release: 1 of 1/)
  expect((await askOnce(service.target, '/')).text).toBe('plain')
})

test('a stop during a reload leaves systemd with the status that the service drains', async () => {
  const [systemd, release] = [fakeServiceManager(), join(tempDir(), 'release.json')]
  const service = await startRun('http.mjs', { env: systemd.env, config: { ...quick, release } })
  // The supervisor does not exit before this request has its answer.
  const { open } = await inFlight(service.target)
  writeFileSync(release, JSON.stringify({ hang: true }))
  const afterIndex = service.lastIndex
  service.signal('SIGHUP', service.pid)
  await service.event('started', { afterIndex })
  service.signal('SIGTERM', service.pid)
  await until('systemd is notified', () => systemd.told.includes('STOPPING=1 STATUS=draining'))
  open()
  await service.exitOf(service.pid)
  expect(systemd.told.at(-1)).toBe('STOPPING=1 STATUS=draining')
})

test('C54: the PID file and MAINPID name the supervisor, and systemd is notified of each reload', async () => {
  const systemd = fakeServiceManager()
  const [pidFile, release] = [join(tempDir(), 'pid'), join(tempDir(), 'release.json')]
  const service = await startRun('http.mjs', {
    run: ['--pid-file', pidFile],
    env: systemd.env,
    // The supervisor overrides the PID file of the program.
    config: { graceful: { probationMs: 20, pidFile: join(tempDir(), 'other') }, release },
  })
  const told = (pattern: RegExp, times: number) =>
    until(
      `systemd is notified with ${pattern}`,
      () => systemd.told.filter((line) => pattern.test(line)).length === times,
    )
  await told(/^READY=1/, 1)
  expect(readFileSync(pidFile, 'utf8').trim()).toBe(String(service.pid))
  await rollWorkers(service)
  await told(/^READY=1/, 2)
  writeFileSync(release, JSON.stringify({ throw: 'a bad release' }))
  await expect(rollWorkers(service)).rejects.toThrow('a bad release')
  await told(/^READY=1/, 3)
  // The supervisor does not exit before this request has its answer.
  const { open } = await inFlight(service.target)
  service.signal('SIGTERM', service.pid)
  await told(/^STOPPING=1/, 1)
  open()
  await service.exitOf(service.pid)
  expect(systemd.told.map((line) => line.split(/[ =]/)[0])).toEqual([
    'READY',
    'RELOADING',
    'READY',
    'RELOADING',
    'READY',
    'STOPPING',
  ])
  expect(systemd.told[0]).toContain(`MAINPID=${service.pid}`)
  expect(existsSync(pidFile)).toBe(false)
  expect(await ended(service.pid, 0)).toBe(true)
})

test('C28: workers and their successors keep the umask and the variables of the command, whatever the program changes', async () => {
  const program = programFile(`
    import http from 'node:http'
    tell('process', { umask: process.umask(), PWD: process.env.PWD ?? 'none' })
    const server = http.createServer((_request, response) => response.end())
    const handle = graceful(server, config.graceful)
    process.umask(0o077)
    tellOf(handle)
    server.listen(0, '127.0.0.1', () => tell('listening', { addresses: [server.address()] }))`)
  const service = await startRun(program, { config: quick, shell: 'umask 026; unset PWD;' })
  await rollWorkers(service)
  const told = service.facts.filter(({ event }) => event === 'process')
  expect(told).toMatchObject(Array(2).fill({ umask: 0o026, PWD: 'none' }))
})
