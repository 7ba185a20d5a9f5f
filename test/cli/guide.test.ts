// Runs examples/deploy/deploy.sh, which docs/guides/deploying.md shows; only its paths differ.
import { mkdirSync, readdirSync, readlinkSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { read } from '../docs/pages.js'
import { Cli, cli } from '../support/cli.js'
import { inFlight } from '../support/http.js'
import { release } from '../support/release.js'
import { startService, testNode } from '../support/service.js'
import { handover } from '../support/supervised.js'
import { tempDir } from '../support/temp-dir.js'
import { whoServes } from '../support/who.js'

const script = read('examples/deploy/deploy.sh')
const good = release()
const bad = release({ beforeListen: "throw new Error('no database')" })

/** The text of a release that starts until `fail` is called. */
function failsLater(): { readonly text: string; fail(): void } {
  const file = join(tempDir(), 'fail')
  const beforeListen = `
    const { existsSync } = await import('node:fs')
    while (!existsSync('${file}')) await new Promise((resolve) => setTimeout(resolve, 20))
    throw new Error('no database')`
  return { text: release({ beforeListen }), fail: () => writeFileSync(file, '') }
}

/** Installs releases by name, makes the first one current, and starts it. */
async function running(releases: Readonly<Record<string, string>>, { keep = 5 } = {}) {
  const app = tempDir()
  const run = tempDir()
  for (const [name, text] of Object.entries(releases)) {
    const bin = join(app, 'releases', name, 'node_modules', '.bin')
    mkdirSync(bin, { recursive: true })
    // As an installation, the command finds its Node in PATH.
    writeFileSync(join(bin, 'handover'), `#!/usr/bin/env node\nimport('${handover}')\n`, { mode: 0o755 })
    symlinkSync(testNode, join(bin, 'node'))
    writeFileSync(join(app, 'releases', name, 'server.mjs'), text)
  }
  symlinkSync(`releases/${Object.keys(releases)[0]}`, join(app, 'current'))
  const deploy = join(run, 'deploy.sh')
  const text = script
    .replaceAll('/srv/app', app)
    .replaceAll('/run/app', run)
    .replace('keep=5', `keep=${keep}`)
  writeFileSync(deploy, text, { mode: 0o755 })
  const control = join(run, 'handover.sock')
  const service = await startService(join(app, 'current', 'server.mjs'), {
    shell: `cd '${app}/current' &&`,
    config: { graceful: { control, probationMs: 50 } },
  })
  return {
    app,
    control,
    service,
    current: () => readlinkSync(join(app, 'current')),
    releases: () => readdirSync(join(app, 'releases')).sort(),
    /** Starts the script as cron and systemd do: with almost no environment. */
    deploy: (...args: string[]) => new Cli('env', ['-i', 'PATH=/usr/bin:/bin', deploy, ...args]),
  }
}

const generationOf = async ({ service }: Awaited<ReturnType<typeof running>>) =>
  (await whoServes(service.target)).generation

test("C53: the guide's deploy script switches to a new release, and back when that release fails", async () => {
  const host = await running({ 41: good, 42: good, 43: bad })
  expect(await host.deploy('42').ended).toMatchObject({ code: 0 })
  expect(host.current()).toBe('releases/42')
  const served = await whoServes(host.service.target)
  expect(served.generation).toBe(2)
  const failed = await host.deploy('43').ended
  expect(failed.code).toBe(1)
  expect(failed.stdout).toContain('no database')
  expect(host.current()).toBe('releases/42')
  expect(await whoServes(host.service.target)).toEqual(served)
  const status = new Cli(testNode, [handover, 'status', '--control', host.control])
  expect((await status.ended).stdout).toContain(
    `runs ${host.app}/releases/42/server.mjs in ${host.app}/releases/42`,
  )
})

test("the guide's deploy script rolls back to the release before the last deploy", async () => {
  const host = await running({ 41: good, 42: good, 43: bad })
  expect(await host.deploy('--rollback').ended).toMatchObject({ code: 2 })
  await host.deploy('42').ended
  await host.deploy('43').ended
  expect(await host.deploy('--rollback').ended).toMatchObject({ code: 0 })
  expect([host.current(), await generationOf(host)]).toEqual(['releases/41', 3])
})

test("the guide's deploy script changes nothing for a release that is missing or incomplete", async () => {
  const host = await running({ 41: good, 42: good })
  expect(await host.deploy('40').ended).toMatchObject({ code: 2 })
  rmSync(join(host.app, 'releases', '42', 'server.mjs'))
  rmSync(join(host.app, 'releases', '42', 'node_modules'), { recursive: true })
  expect(await host.deploy('42').ended).toMatchObject({ code: 1 })
  expect([host.current(), await generationOf(host)]).toEqual(['releases/41', 1])
})

test("the guide's deploy script refuses a second deploy while one is under way", async () => {
  const { text, fail } = failsLater()
  const host = await running({ 41: good, 42: text })
  const first = host.deploy('42')
  await first.printed(/is starting/)
  expect(await host.deploy('41').ended).toMatchObject({ code: 5, stderr: 'another deploy is under way\n' })
  fail()
  expect(await first.ended).toMatchObject({ code: 1 })
  expect(host.current()).toBe('releases/41')
})

test("the guide's deploy script continues after its terminal and its output are gone", async () => {
  const { text, fail } = failsLater()
  const host = await running({ 41: good, 42: text })
  const first = host.deploy('42')
  await first.printed(/is starting/)
  first.hangUp()
  fail()
  expect(await first.ended).toMatchObject({ code: 1 })
  expect([host.current(), await generationOf(host)]).toEqual(['releases/41', 1])
})

test("the guide's deploy script removes old releases, but none that a generation still runs", async () => {
  const host = await running({ 40: good, 41: good, 42: good, 43: good }, { keep: 1 })
  const { request, open } = await inFlight(host.service.target)
  symlinkSync('releases/42', join(host.app, 'next'))
  renameSync(join(host.app, 'next'), join(host.app, 'current'))
  await cli(['reload', '--no-wait', '--control', host.control])
  expect(await host.deploy('43', '--no-wait').ended).toMatchObject({ code: 0 })
  expect(host.releases()).toEqual(['40', '42', '43'])
  open()
  expect(await request.response()).toMatchObject({ status: 200 })
})
