// The commands with --pid-file: only the service gets a signal, and a missing file proves nothing.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { cli, startCli } from '../support/cli.js'
import { inFlight } from '../support/http.js'
import { isRunning } from '../support/processes.js'
import { startService, testNode } from '../support/service.js'
import { startRun } from '../support/supervised.js'
import { tempDir } from '../support/temp-dir.js'
import { until } from '../support/until.js'
import { whoServes } from '../support/who.js'

/** A process that is not a service. It listens for SIGHUP, so it could receive one. */
async function stranger(): Promise<number> {
  const child = spawn(
    testNode,
    ['--eval', `process.on('SIGHUP', () => process.exit(9)); setInterval(() => {}, 1e6); console.log('up')`],
    { stdio: ['ignore', 'pipe', 'ignore'] },
  )
  onTestFinished(() => void child.kill('SIGKILL'))
  await once(child.stdout, 'data')
  return child.pid ?? 0
}

test('C66: a process that reuses the PID of a killed service gets no signal, and status reports that', async () => {
  const pidFile = join(tempDir(), 'app.pid')
  const service = await startService('http.mjs', { config: { graceful: { pidFile } } })
  await until('the PID file exists', () => existsSync(pidFile))
  service.signal('SIGKILL')
  await service.exitOf(service.pid)
  const pid = await stranger()
  // Simulates a reused PID: the file is the one that the service left behind.
  writeFileSync(pidFile, `${pid}\n`)
  for (const name of ['stop', 'reload', 'status']) {
    const { code, stdout, stderr } = await cli([name, '--pid-file', pidFile])
    expect(stderr).toBe(
      `handover: The PID file ${pidFile} names process ${pid}, which is not the service: the service has exited, and ` +
        'another process now has its PID. No signal was sent.\n',
    )
    expect({ name, code, stdout }).toEqual({ name, code: 3, stdout: '' })
  }
  expect(isRunning(pid)).toBe(true)
})

test('C66: with the PID file of a killed service, commands report that the service does not run', async () => {
  const pidFile = join(tempDir(), 'app.pid')
  const service = await startService('http.mjs', { config: { graceful: { pidFile } } })
  await until('the PID file exists', () => existsSync(pidFile))
  service.signal('SIGKILL')
  await service.exitOf(service.pid)
  const { code, stderr } = await cli(['stop', '--pid-file', pidFile])
  expect(stderr).toMatch(
    /names process \d+, which has exited: the service is not running\. Start the service again\.\n$/,
  )
  expect(code).toBe(3)
})

test('C66: commands recognize a service by its PID file: after its start, a failed reload and a reload, and under handover run', async () => {
  const folder = tempDir()
  const pidFile = join(folder, 'app.pid')
  const release = join(folder, 'release')
  const service = await startService('http.mjs', {
    config: { graceful: { probationMs: 20, pidFile }, release },
  })
  await until('the PID file exists', () => existsSync(pidFile))
  expect(await cli(['status', '--pid-file', pidFile])).toMatchObject({ code: 0 })
  writeFileSync(release, JSON.stringify({ exit: 7 }))
  expect(await cli(['reload', '--pid-file', pidFile])).toMatchObject({ code: 1 })
  rmSync(release)
  expect(await cli(['reload', '--pid-file', pidFile])).toMatchObject({ code: 0 })
  const { pid } = await whoServes(service.target)
  expect(await cli(['stop', '--pid-file', pidFile])).toMatchObject({ code: 0 })
  await service.exitOf(pid)
  const other = join(folder, 'run.pid')
  const run = await startRun('http.mjs', { run: ['--pid-file', other] })
  expect(await cli(['stop', '--pid-file', other])).toMatchObject({ code: 0 })
  await run.exitOf(run.pid)
})

/** Preloaded in each generation: while the file $FULL exists, writing a PID file fails with ENOSPC. */
const fullDisk = `
import fs from 'node:fs'
import { syncBuiltinESMExports } from 'node:module'
const { writeSync } = fs
fs.writeSync = (fd, text, ...more) => {
  if (text === process.pid + '\\n' && fs.existsSync(process.env.FULL))
    throw Object.assign(new Error('ENOSPC: no space left on device, write'), { code: 'ENOSPC', syscall: 'write' })
  return writeSync(fd, text, ...more)
}
syncBuiltinESMExports()
`

test('C66: after a full disk the successor writes the PID file as soon as it can, and reload does not report that the service ended', async () => {
  const folder = tempDir()
  const [pidFile, full, preload] = ['app.pid', 'full', 'full-disk.mjs'].map((name) => join(folder, name)) as [
    string,
    string,
    string,
  ]
  writeFileSync(preload, fullDisk)
  const service = await startService('http.mjs', {
    config: { graceful: { probationMs: 20, pidFile } },
    execArgv: ['--import', preload],
    env: { FULL: full },
  })
  await until('the PID file exists', () => existsSync(pidFile))
  writeFileSync(full, '')
  const { code, stderr } = await cli(['reload', '--pid-file', pidFile])
  expect(stderr).toMatch(
    /^handover: process \d+ has exited, and .* does not name another process\. A successor that could not write the file may serve: see the log/,
  )
  expect(code).toBe(4)
  const second = await whoServes(service.target)
  expect(second.generation).toBe(2)
  expect(await service.line(/The PID file .* could not be written, .* Retrying every 1000 ms\./)).toContain(
    `handover[${second.pid}]`,
  )
  rmSync(full)
  await service.line(/the PID file .* names process \d+ now/)
  expect(readFileSync(pidFile, 'utf8')).toBe(`${second.pid}\n`)
  // This time the disk has room when the predecessor exits, and the successor retries.
  const { open } = await inFlight(service.target)
  writeFileSync(full, '')
  const reload = startCli(['reload', '--pid-file', pidFile])
  await service.line(
    new RegExp(
      `handover\\[(?!${service.pid}\\]|${second.pid}\\])\\d+\\] The PID file .* could not be written`,
    ),
  )
  rmSync(full)
  open()
  expect(await reload.ended).toMatchObject({ code: 0 })
  expect((await whoServes(service.target)).generation).toBe(3)
})
