import { existsSync, lstatSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { isReady } from '../support/generations.js'
import { gate } from '../support/http.js'
import { launchProgram } from '../support/program.js'
import { type Service, startService } from '../support/service.js'
import { tempDir } from '../support/temp-dir.js'
import { until } from '../support/until.js'
import { whoServes } from '../support/who.js'

const read = (path: string) => readFileSync(path, 'utf8')

/** A service with a PID file in its own folder. */
async function withPidFile(graceful: object = {}) {
  const folder = tempDir()
  const pidFile = join(folder, 'app.pid')
  const release = join(tempDir(), 'release')
  const service = await startService('http.mjs', {
    config: { graceful: { probationMs: 20, ...graceful, pidFile }, release },
  })
  await until('the PID file exists', () => existsSync(pidFile))
  return { folder, pidFile, service, deploy: (bad: object) => writeFileSync(release, JSON.stringify(bad)) }
}

test('C30: the first generation writes the PID file when it is ready, and not before', async () => {
  const folder = tempDir()
  const pidFile = join(folder, 'app.pid')
  const { path, open } = gate()
  const service = launchProgram(
    `import http from 'node:http'
    import { existsSync } from 'node:fs'
    const server = http.createServer()
    const handle = graceful(server, { pidFile: config.pidFile })
    tellOf(handle)
    handle.beforeReady(async () => {
      tell('preparing')
      while (!existsSync(config.gate)) await new Promise((resolve) => setTimeout(resolve, 5))
    })
    server.listen(0, '127.0.0.1')
    await handle.ready()
    tell('ready() resolved')`,
    { config: { pidFile, gate: path.replace(/.*=/, '') } },
  )
  await service.event('preparing')
  expect(readdirSync(folder)).toEqual([])
  open()
  await service.event('ready() resolved')
  expect(read(pidFile)).toBe(`${service.pid}\n`)
  expect(lstatSync(pidFile).mode & 0o777).toBe(0o600)
  expect(readdirSync(folder)).toEqual(['app.pid'])
})

test('C30: the PID file names the predecessor during probation, and the successor once it is proven', async () => {
  const { folder, pidFile, service } = await withPidFile({ probationMs: 5_000 })
  const reloading = service.reload()
  await service.event(({ state, onProbation }) => state === 'ready' && onProbation === true)
  // The successor has handled its ready event when it answers.
  await until('the successor answers', async () => (await whoServes(service.target)).generation === 2)
  expect(read(pidFile)).toBe(`${service.pid}\n`)
  const { from, to } = await reloading
  expect(read(pidFile)).toBe(`${to.pid}\n`)
  await service.exitOf(from.pid)
  expect(read(pidFile)).toBe(`${to.pid}\n`)
  expect(readdirSync(folder)).toEqual(['app.pid'])
})

test('C30: the PID file contains the complete pid of a serving generation at any time', async () => {
  const { pidFile, service } = await withPidFile({ probationMs: 0 })
  const seen = new Set<string>()
  let reading = true
  const reader = (async () => {
    for (; reading; await new Promise(setImmediate)) seen.add(read(pidFile))
  })()
  const pids = [service.pid]
  for (let reloads = 0; reloads < 5; reloads++) pids.push((await service.reload()).to.pid)
  reading = false
  await reader
  expect(pids.map((pid) => `${pid}\n`)).toEqual(expect.arrayContaining([...seen]))
  expect(seen.size).toBeGreaterThan(1)
})

test('C30: a successor that fails leaves the PID file alone', async () => {
  const { folder, pidFile, service, deploy } = await withPidFile({ probationMs: 5_000 })
  for (const bad of [{ exit: 7 }, { dieAfterReadyMs: 1 }]) {
    deploy(bad)
    await expect(service.reload()).rejects.toThrow('the reload failed')
    expect(read(pidFile)).toBe(`${service.pid}\n`)
    expect(readdirSync(folder)).toEqual(['app.pid'])
  }
})

test('C30: a shutdown removes the PID file, in the first generation and in a later one', async () => {
  for (const reloads of [0, 1]) {
    const { folder, service } = await withPidFile()
    for (let done = 0; done < reloads; done++) await service.reload()
    await shutDown(service)
    expect(readdirSync(folder)).toEqual([])
  }
})

test.each(['4711\n', 'not a pid'])('C30: a shutdown leaves a PID file that contains %j', async (text) => {
  const { pidFile, service } = await withPidFile()
  writeFileSync(pidFile, text)
  await shutDown(service)
  expect(read(pidFile)).toBe(text)
})

test('C30: a relative PID file path refers to the initial working directory, even if the program changes it', async () => {
  const folder = tempDir()
  const service = launchProgram(
    `import http from 'node:http'
    process.chdir('/')
    const server = http.createServer()
    tellOf(graceful(server, { ...config.graceful, pidFile: 'app.pid' }))
    server.listen(0, '127.0.0.1')`,
    { cwd: folder, config: { graceful: { probationMs: 20 } } },
  )
  await service.event(isReady)
  const { to } = await service.reload()
  expect(read(join(folder, 'app.pid'))).toBe(`${to.pid}\n`)
  await shutDown(service)
  expect(readdirSync(folder)).toEqual([])
})

test('C30: if the PID file cannot be written, the log has an error and nothing else changes', async () => {
  const pidFile = join(tempDir(), 'app.pid')
  mkdirSync(pidFile)
  const service = await startService('http.mjs', { config: { graceful: { probationMs: 20, pidFile } } })
  await service.line(/The PID file .*app.pid could not be written/)
  const { to } = await service.reload()
  expect(await whoServes(service.target)).toEqual(to)
  expect(readdirSync(join(pidFile, '..'))).toEqual(['app.pid'])
})

async function shutDown(service: Service): Promise<void> {
  const { pid } = service.serving
  service.signal('SIGTERM', pid)
  await service.exitOf(pid)
}
