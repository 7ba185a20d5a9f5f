// Runs the script of docs/guides/deploying.md; only its paths differ.
import { mkdirSync, readlinkSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { blocksOf } from '../docs/pages.js'
import { Cli } from '../support/cli.js'
import { release } from '../support/release.js'
import { startService, testNode } from '../support/service.js'
import { handover } from '../support/supervised.js'
import { tempDir } from '../support/temp-dir.js'
import { whoServes } from '../support/who.js'

const script =
  blocksOf('docs/guides/deploying.md').find(({ code }) => code.startsWith('#!/bin/sh'))?.code ?? ''

/** Installs releases by name and makes the first one current. */
function install(releases: Readonly<Record<string, string>>) {
  const app = tempDir()
  const run = tempDir()
  const command = `#!/bin/sh\nexec '${testNode}' '${handover}' "$@"\n`
  for (const [name, text] of Object.entries(releases)) {
    const bin = join(app, 'releases', name, 'node_modules', '.bin')
    mkdirSync(bin, { recursive: true })
    writeFileSync(join(bin, 'handover'), command, { mode: 0o755 })
    writeFileSync(join(app, 'releases', name, 'server.mjs'), text)
  }
  symlinkSync(`releases/${Object.keys(releases)[0]}`, join(app, 'current'))
  const deploy = join(run, 'deploy')
  writeFileSync(deploy, script.replaceAll('/srv/app', app).replaceAll('/run/app', run), { mode: 0o755 })
  return {
    app,
    control: join(run, 'handover.sock'),
    current: () => readlinkSync(join(app, 'current')),
    deploy: (name: string) => new Cli(deploy, [name]).ended,
  }
}

test("C53: the guide's deploy script switches to a new release, and back when that release fails", async () => {
  const good = release()
  const bad = release({ beforeListen: "throw new Error('no database')" })
  const { app, control, current, deploy } = install({ 41: good, 42: good, 43: bad })
  const service = await startService(join(app, 'current', 'server.mjs'), {
    shell: `cd '${app}/current' &&`,
    config: { graceful: { control, probationMs: 50 } },
  })
  expect(await deploy('42')).toMatchObject({ code: 0 })
  expect(current()).toBe('releases/42')
  const served = await whoServes(service.target)
  expect(served.generation).toBe(2)
  const failed = await deploy('43')
  expect(failed.code).toBe(1)
  expect(failed.stderr).toContain('no database')
  expect(current()).toBe('releases/42')
  expect(await whoServes(service.target)).toEqual(served)
  const status = new Cli(testNode, [handover, 'status', '--control', control])
  expect((await status.ended).stdout).toContain(`runs ${app}/releases/42/server.mjs in ${app}/releases/42`)
})
