// Runs the commands of docs/guides/upgrading-node.md. Each Node is a script that sets RELEASE and runs the Node under test.
import { mkdirSync, symlinkSync, unlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { Cli, cli, startCli } from '../support/cli.js'
import { freePort } from '../support/free-port.js'
import { askOnce } from '../support/http.js'
import { installation } from '../support/installation.js'
import { testNode } from '../support/service.js'
import { tempDir } from '../support/temp-dir.js'
import { blocksOf } from './pages.js'

const blocks = blocksOf('docs/guides/upgrading-node.md')
const upgrade = blocks.find(({ lang }) => lang === 'sh')?.code ?? ''
const failure = blocks.find(({ lang }) => lang === 'text')?.code ?? ''

const server = `
  import { createServer } from 'node:http'
  import { graceful } from '@handover/core'
  const server = createServer((_request, response) => response.end(process.env.RELEASE))
  graceful(server, { control: process.env.CONTROL, successor: JSON.parse(process.env.SUCCESSOR ?? '{}') })
  server.listen(Number(process.env.PORT), '127.0.0.1')`

/** Installs node-22 and node-24, and a link to node-22. */
async function install() {
  const opt = tempDir()
  for (const release of ['node-22', 'node-24']) {
    mkdirSync(join(opt, release, 'bin'), { recursive: true })
    const script = `#!/bin/sh\nRELEASE=${release} exec '${testNode}' "$@"\n`
    writeFileSync(join(opt, release, 'bin', 'node'), script, { mode: 0o755 })
  }
  symlinkSync(join(opt, 'node-22'), join(opt, 'node'))
  const folder = installation({ 'server.js': server })
  const port = await freePort()
  const bin = join(folder, 'node_modules', '.bin')
  const env = { PORT: String(port), PATH: `${join(opt, 'node', 'bin')}:${bin}:${process.env.PATH}` }
  return {
    folder,
    env,
    node: join(opt, 'node', 'bin', 'node'),
    removeNode: () => unlinkSync(join(opt, 'node')),
    upgrade: () => new Cli('sh', ['-ec', upgrade.replaceAll('/opt', opt)], { cwd: folder, env }).ended,
    // On a new connection: the predecessor may still answer on one that it has not moved yet.
    release: async () => (await askOnce({ port, host: '127.0.0.1' }, '/')).text,
  }
}

test.each(['node', '/opt/node/bin/node'])(
  'the commands of the guide switch the Node of handover run -- %s server.js',
  async (name) => {
    const { folder, env, node, upgrade, release } = await install()
    const program = [name === 'node' ? name : node, 'server.js']
    const service = startCli(['run', '--', ...program], { cwd: folder, env })
    await service.printed(/1 worker serves/)
    expect(await release()).toBe('node-22')
    expect(await upgrade()).toMatchObject({ code: 0 })
    expect(await release()).toBe('node-24')
    service.interrupt()
    expect(await service.ended).toMatchObject({ code: 0 })
  },
)

test('a reload without a Node in PATH fails with the error in the guide, and the worker keeps serving', async () => {
  const { folder, env, removeNode, release } = await install()
  const [first = ''] = env.PATH.split(':')
  const service = startCli(['run', '--', 'node', 'server.js'], { cwd: folder, env: { ...env, PATH: first } })
  await service.printed(/1 worker serves/)
  removeNode()
  const { code, stderr } = await cli(['reload'], { cwd: folder })
  expect(code).toBe(1)
  expect(stderr).toContain(failure)
  expect(await release()).toBe('node-22')
  service.interrupt()
  await service.ended
})

test('successor.execPath follows a link at a reload without handover run', async () => {
  const { folder, env, node, upgrade, release } = await install()
  const variables = { CONTROL: 'handover.sock', SUCCESSOR: JSON.stringify({ execPath: node }) }
  const service = new Cli(node, ['server.js'], { cwd: folder, env: { ...env, ...variables } })
  await service.printed(/generation 1 is ready/)
  expect(await release()).toBe('node-22')
  expect(await upgrade()).toMatchObject({ code: 0 })
  expect(await release()).toBe('node-24')
  expect(await cli(['stop'], { cwd: folder })).toMatchObject({ code: 0 })
})
