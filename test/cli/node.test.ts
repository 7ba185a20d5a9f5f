// `handover run --node`: each release may bring its own Node.
import { chmodSync, mkdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { cli } from '../support/cli.js'
import { isReady } from '../support/generations.js'
import { programFile } from '../support/program.js'
import { type Service, testNode } from '../support/service.js'
import { accepting, launchRun, startRun } from '../support/supervised.js'
import { tempDir } from '../support/temp-dir.js'
import { whoServes } from '../support/who.js'

/** Reports the release whose Node runs it. With a path in the variable `ONCE`, only one process becomes ready. */
const program = () =>
  programFile(`
  import { existsSync, writeFileSync } from 'node:fs'
  import http from 'node:http'
  const { ONCE, RELEASE } = process.env
  if (ONCE && existsSync(ONCE)) throw new Error('a bad release')
  if (ONCE) writeFileSync(ONCE, '')
  const server = http.createServer((_request, response) => {
    response.setHeader('x-pid', process.pid).setHeader('x-generation', handle.generation).end()
  })
  const handle = graceful(server, config.graceful)
  tellOf(handle)
  server.listen({ port: 0, host: '127.0.0.1' }, () =>
    tell('listening', { release: RELEASE, addresses: [server.address()] }))`)

/** Deploys release `one` and starts it through the link `current`. */
async function deployed({ node = 'current/bin/node', cwd = '.', workers = 1 } = {}) {
  const root = tempDir()
  const control = join(root, 'control')
  /** Returns the path of the Node in the release: a script that sets variables and runs the Node under test. */
  const deploy = (release: string, variables = '') => {
    const bin = join(root, release, 'bin')
    mkdirSync(bin, { recursive: true })
    const script = `#!/bin/sh\nRELEASE=${release} ${variables} exec '${testNode}' "$@"\n`
    writeFileSync(join(bin, 'node'), script, { mode: 0o755 })
    symlinkSync(release, join(root, 'next'))
    renameSync(join(root, 'next'), join(root, 'current'))
    return join(bin, 'node')
  }
  deploy('one')
  const run = ['--node', node, '--cwd', join(root, cwd), '--workers', String(workers), '--control', control]
  const service = await startRun(program(), { run, command: [], config: { graceful: { probationMs: 20 } } })
  return { root, service, deploy, reload: () => cli(['reload', '--control', control]) }
}

/** The releases of the workers that accept connections. */
const releases = (service: Service) =>
  accepting(service).map(
    (pid) => service.facts.find((fact) => fact.event === 'listening' && fact.pid === pid)?.release,
  )

test.each([
  { node: 'current/bin/node', cwd: '.' },
  { node: 'bin/node', cwd: 'current' },
])('C54: handover run resolves --node $node in --cwd $cwd at each start', async (options) => {
  const { service, deploy, reload } = await deployed(options)
  expect(releases(service)).toEqual(['one'])
  deploy('two')
  expect(await reload()).toMatchObject({ code: 0 })
  expect(releases(service)).toEqual(['two'])

  deploy('three')
  const afterIndex = service.lastIndex
  service.signal('SIGKILL', accepting(service)[0])
  await service.event(isReady, { afterIndex })
  expect(releases(service)).toEqual(['three'])
})

test.each([
  ['missing', 'does not exist', (path: string) => rmSync(path)],
  ['not executable', 'is not an executable file', (path: string) => chmodSync(path, 0o644)],
])(
  'C10: if the Node of the new release is %s, the reload fails and the workers keep serving',
  async (_, why, spoil) => {
    const { root, service, deploy, reload } = await deployed()
    spoil(deploy('two'))
    const path = join(root, 'current', 'bin', 'node')
    const { code, stderr } = await reload()
    expect(code).toBe(1)
    expect(stderr).toContain(
      `the reload failed (ERR_HANDOVER_SPAWN): The Node binary for the workers, ${path}, ${why}. No process was started.`,
    )
    expect(releases(service)).toEqual(['one'])
    expect(await whoServes(service.target)).toMatchObject({ generation: 1 })
    deploy('three')
    expect(await reload()).toMatchObject({ code: 0 })
    expect(releases(service)).toEqual(['three'])
  },
)

test('C54: after a failed reload, workers that were already replaced return to the Node of their previous release', async () => {
  const { root, service, deploy, reload } = await deployed({ workers: 2 })
  deploy('two', `ONCE=${join(root, 'once')}`)
  const { code, stderr } = await reload()
  expect(stderr).toMatch(/a bad release.*All workers run the previous release/)
  expect(code).toBe(1)
  expect(releases(service)).toEqual(['one', 'one'])
})

test('handover run exits with code 1 if the file of --node is missing at the first start', async () => {
  const service = launchRun('http.mjs', { run: ['--node', 'missing/node', '--cwd', '/'], command: [] })
  expect(await service.exitOf(service.pid)).toMatchObject({ code: 1 })
  expect(service.output).toContain('The Node binary for the workers, /missing/node, does not exist.')
})

test('handover run exits with code 2 if --node and the command name different Nodes', async () => {
  const service = launchRun('http.mjs', { run: ['--node', 'bin/node'], command: ['/opt/node'] })
  expect(await service.exitOf(service.pid)).toMatchObject({ code: 2 })
  expect(service.output).toContain(
    '--node bin/node and "/opt/node" both name the Node binary for the workers.',
  )
})
