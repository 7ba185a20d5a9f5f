import { spawn } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { descendantsOf, descriptorsOf, isRunning, statusOf } from './processes.js'
import { launchService, type Service, type ServiceOptions } from './service.js'
import { tempDir } from './temp-dir.js'

const fixture = (name: string) => JSON.stringify(new URL(`../fixtures/${name}`, import.meta.url))
const prelude = `
  import { spawn } from 'node:child_process'
  import { config, tell } from ${fixture('story.mjs')}
  const again = (config) => spawn(process.execPath, [process.argv[1], JSON.stringify(config)], { stdio: 'inherit' })
  const stay = () => setTimeout(() => {}, 60_000)
`

/** Launches the program text. It can use `config`, `tell`, `again` (starts the program once more) and `stay`. */
function program(text: string, options: ServiceOptions = {}): Service {
  const path = join(tempDir(), 'program.mjs')
  writeFileSync(path, prelude + text)
  return launchService(path, options)
}

test('waits for a fact, or finds it when it was printed before', async () => {
  const service = program(`tell('a', { n: 1 }); tell('b'); tell('a', { n: 2 })`)
  const first = await service.event('a')
  expect(first).toMatchObject({ index: 0, pid: service.pid, n: 1 })
  expect(await service.event('a', { afterIndex: first.index })).toMatchObject({ index: 2, n: 2 })
  expect(await service.event(({ n }) => n === 2)).toMatchObject({ index: 2 })
})

test('waiting fails with the whole output when all processes have ended', async () => {
  const service = program(`tell('a'); console.error('its last words')`)
  const waiting = service.event('b')
  await expect(waiting).rejects.toThrow(
    /"b" was not printed: all processes have ended.*"event":"a".*its last words/s,
  )
  await expect(service.event('c')).rejects.toThrow('"c" was not printed: all processes have ended')
})

test('waits for a line on either stream, or finds it when it was printed before', async () => {
  const service = program(`console.log('one 1'); setTimeout(() => console.error('two 2'), 1); stay()`)
  expect(await service.line(/^two/)).toBe('two 2')
  expect(await service.line(/^one/)).toBe('one 1')
  await expect(service.line(/^three/, 10)).rejects.toThrow('/^three/ was not printed: timed out after 10 ms')
})

test('waiting times out while a process still runs', async () => {
  const service = program(`stay()`)
  await expect(service.event('a', { limitMs: 10 })).rejects.toThrow(
    '"a" was not printed: timed out after 10 ms',
  )
})

test('reports that a program cannot be started', async () => {
  const service = program('', { node: '/no/such/node' })
  await expect(service.event('a')).rejects.toThrow('/no/such/node')
  expect(await service.exitOf(service.pid)).toEqual({ pid: service.pid, code: 127 })
})

test('what a program printed on standard error before a fact is there with the fact', async () => {
  const service = program(`
    for (let round = 1; round <= 50; round++) { console.error('line ' + round + '.'); tell('round-' + round) }`)
  for (let round = 1; round <= 50; round++) {
    await service.event(`round-${round}`)
    expect(service.output).toContain(`line ${round}.`)
  }
})

test('a service continues in the process that its first process started', async () => {
  const service = program(`
    if (config.second) { tell('started'); stay() }
    else again({ second: true }).on('spawn', () => process.exit(3))`)
  const { pid } = await service.event('started')
  expect(await service.exitOf(service.pid)).toEqual({ pid: service.pid, code: 3 })
  expect(service.processes()).toEqual([pid])
  service.signal('SIGKILL', pid)
  expect(await service.exitOf(pid)).toEqual({ pid })
  await expect(service.event('more')).rejects.toThrow('all processes have ended')
})

test('when a process has ended, everything that it printed has been read', async () => {
  const service = program(
    `
    if (!config.second) again({ second: true })
    else process.on('SIGUSR2', () => { tell('last'); process.exit() }) && tell('started')
    stay()`,
    { leftOvers: 'allowed' },
  )
  const { pid } = await service.event('started')
  service.signal('SIGUSR2', pid)
  // The test reads nothing meanwhile.
  while (isRunning(pid));
  await service.exitOf(pid)
  expect(service.facts.at(-1)).toMatchObject({ event: 'last' })
})

test('stop ends every process of the service and no other', async () => {
  const bystander = spawn(process.execPath, ['-e', 'setTimeout(() => {}, 60_000)'])
  onTestFinished(() => void bystander.kill('SIGKILL'))
  const service = program(`
    if (!config.second) again({ second: true })
    if (config.second) spawn('sleep', ['60'], { stdio: 'inherit' }).on('spawn', () => tell('started'))
    stay()`)
  await service.event('started')
  const pids = service.processes()
  expect(pids).toHaveLength(3)
  expect(descendantsOf(service.pid).sort()).toEqual(pids.filter((pid) => pid !== service.pid).sort())
  await service.stop()
  expect(service.processes()).toEqual([])
  expect(pids.filter((pid) => isRunning(pid))).toEqual([])
  expect(isRunning(bystander.pid ?? 0)).toBe(true)
})

test('finds a process that is left over; the serving generation does not count', async () => {
  const service = program(
    `
    tell('state', { generation: 1, state: 'ready' })
    spawn('sleep', ['60'], { stdio: 'inherit' }).on('spawn', () => tell('started'))
    stay()`,
    { leftOvers: 'allowed' },
  )
  await service.event('started')
  expect(await service.leftOvers(0)).toEqual(service.processes().filter((pid) => pid !== service.pid))
})

// The zombie disappears with its parent: the shell becomes a program that reaps no child.
test('a zombie counts as ended and still has a status', async () => {
  const service = program(
    `
    spawn('sh', ['-c', '(while [ "$(cat /proc/$$/comm)" != sleep ]; do :; done) & echo "{\\\\"event\\\\":\\\\"zombie\\\\",\\\\"pid\\\\":$!}"; exec sleep 60'], { stdio: 'inherit' })
    stay()`,
    { leftOvers: 'allowed' },
  )
  const { pid } = await service.event('zombie')
  await service.exitOf(pid)
  expect(isRunning(pid)).toBe(false)
  expect(statusOf(pid)).toMatchObject({ state: 'Z' })
})

test('lists the descriptors of a process', async () => {
  const service = program(`tell('started'); stay()`)
  await service.event('started')
  expect(descriptorsOf(service.pid)).toEqual(
    expect.arrayContaining([
      { fd: 0, target: '/dev/null' },
      { fd: 1, target: expect.stringMatching(/^(socket|pipe):/) },
    ]),
  )
})

test('a process outside the service gets no signal, whatever the output says', async () => {
  const service = program(`tell('state', { pid: ${process.pid}, generation: 1, state: 'ready' })`)
  await service.event('state')
  expect(service.serving.pid).toBe(process.pid)
  expect(() => service.signal('SIGTERM')).toThrow(`${process.pid} is not a process of this service`)
  expect(service.processes()).not.toContain(process.pid)
})

const release = (behavior: object) => {
  const path = join(tempDir(), 'release.json')
  writeFileSync(path, JSON.stringify(behavior))
  return program(
    `const release = await import(${fixture('release.mjs')})
    tell('imported', { listen: release.listen })
    release.afterListen()
    release.afterReady()
    stay()`,
    { config: { release: path } },
  )
}

test.each([
  ['throws', { throw: 'bad release' }, { code: 1 }],
  ['exits', { exit: 7 }, { code: 7 }],
  ['throws after it listens', { throwAfterListen: 'too late' }, { code: 1 }],
  ['dies after it was ready', { dieAfterReadyMs: 1 }, { code: 9 }],
])('the fixture release.mjs %s', async (_, behavior, exit) => {
  const service = release(behavior)
  expect(await service.event('started')).toMatchObject({ pid: service.pid })
  expect(await service.exitOf(service.pid)).toMatchObject(exit)
})

test.each(['hang', 'spin'])(
  'the fixture release.mjs stays alive and never becomes ready when told to %s',
  async (what) => {
    const service = release({ [what]: true })
    await service.event('started')
    await expect(service.event('imported', { limitMs: 100 })).rejects.toThrow('timed out after 100 ms')
    expect(isRunning(service.pid)).toBe(true)
  },
)

test('the fixture release.mjs listens on another address', async () => {
  const service = release({ listen: { port: 0, host: '::1' } })
  expect(await service.event('imported')).toMatchObject({ listen: { port: 0, host: '::1' } })
})
