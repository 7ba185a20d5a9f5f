// The workflow of examples/deploy: its schema, and its commands as a runner executes them, against hosts under load.
import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { NoOperationTraceWriter, parseWorkflow } from '@actions/workflow-parser'
import { expect, test } from 'vitest'
import { parse } from 'yaml'
import { deployFile, type Hosts, startHosts } from '../support/hosts.js'

interface Step {
  readonly uses?: string
  readonly run?: string
  readonly env?: Readonly<Record<string, string>>
}

const text = deployFile('github-actions.yml')
const steps: readonly Step[] = parse(text).jobs.deploy.steps

/** Replaces each `${{ expression }}` with its value. */
const filledIn = (value: string, values: Readonly<Record<string, string>>): string =>
  value.replace(/\$\{\{ (.*?) \}\}/g, (_, name: string) => {
    const found = values[name]
    if (found === undefined) throw new Error(`the test has no value for ${name}`)
    return found
  })

/** A checkout of an app that depends on Handover. */
async function checkOut(hosts: Hosts): Promise<string> {
  const folder = join(hosts.built, 'checkout')
  const file = (name: string, content: string | object) =>
    writeFileSync(join(folder, name), typeof content === 'string' ? content : JSON.stringify(content))
  for (const each of ['deploy', 'vendor/core', 'vendor/cli', '.git']) {
    mkdirSync(join(folder, each), { recursive: true })
  }
  const dependencies = { '@handover/core': 'file:vendor/core', '@handover/cli': 'file:vendor/cli' }
  file('package.json', { name: 'app', type: 'module', scripts: { test: 'node --test' }, dependencies })
  file('app.test.js', "import test from 'node:test'\ntest('works', () => {})\n")
  file('vendor/core/package.json', { name: '@handover/core', version: '0.0.0', exports: './index.mjs' })
  file('vendor/core/index.mjs', "export * from '/opt/handover/packages/core/dist/index.js'\n")
  file('vendor/cli/package.json', {
    name: '@handover/cli',
    version: '0.0.0',
    bin: { handover: './main.mjs' },
  })
  file(
    'vendor/cli/main.mjs',
    "#!/usr/bin/env node\nawait import('/opt/handover/packages/cli/dist/main.js')\n",
  )
  file('deploy/push.sh', deployFile('push.sh'))
  await hosts.do('chmod', '755', join(folder, 'deploy/push.sh'))
  cpSync(join(hosts.built, '1', 'server.mjs'), join(folder, 'server.mjs'))
  await hosts.do('npm', '--prefix', folder, 'install', '--package-lock-only', '--offline')
  return folder
}

/** The secrets as an administrator stores them. The runner does not have the files. */
async function takeSecrets(hosts: Hosts): Promise<Record<string, string>> {
  const shell = (command: string) => hosts.do('sh', '-c', command)
  const secrets = {
    'secrets.DEPLOY_SSH_KEY': await shell('cat ~root/.ssh/id_ed25519'),
    'secrets.DEPLOY_KNOWN_HOSTS': await shell('cat ~root/.ssh/known_hosts'),
  }
  await shell('find ~root/.ssh -type f -delete')
  return secrets
}

/** Runs the commands like a runner, up to the first one that fails. */
async function runJob(hosts: Hosts, folder: string, values: Readonly<Record<string, string>>) {
  let output = ''
  for (const { run, env = {} } of steps) {
    if (run === undefined) continue
    const script = join(hosts.built, 'step.sh')
    writeFileSync(script, filledIn(run, values))
    const filled = Object.entries(env).map(([name, value]) => `${name}=${filledIn(value, values)}`)
    const shell = ['bash', '--noprofile', '--norc', '-e', '-o', 'pipefail', script]
    const step = await hosts.run('env', '--chdir', folder, ...filled, ...shell)
    output += step.output
    if (step.code !== 0) return { code: step.code, failed: run, output }
  }
  return { code: 0, output }
}

/** What GitHub's own parser finds wrong. */
const errorsOf = (content: string): string[] => {
  const { context } = parseWorkflow({ name: 'deploy.yml', content }, new NoOperationTraceWriter())
  return context.errors.getErrors().map(({ message }) => message)
}

test('the parser of GitHub Actions accepts the workflow', () => {
  expect(errorsOf(text)).toEqual([])
  expect(errorsOf(text.replace('runs-on', 'run-on'))).toContainEqual(
    expect.stringContaining("Unexpected value 'run-on'"),
  )
})

test('the workflow deploys a release to each host, keeps a bad one from serving, and no request fails', async () => {
  const hosts = await startHosts(2)
  const folder = await checkOut(hosts)
  const values = {
    ...(await takeSecrets(hosts)),
    'vars.DEPLOY_HOSTS': 'app@app-1 app@app-2',
    'github.sha': 'cafe',
  }
  const load = await hosts.load()
  const good = await runJob(hosts, folder, { ...values, 'github.run_number': '2' })
  expect(good).toMatchObject({ code: 0 })
  const server = join(folder, 'server.mjs')
  writeFileSync(server, `throw new Error('no database')\n${readFileSync(server, 'utf8')}`)
  const bad = await runJob(hosts, folder, { ...values, 'github.run_number': '3' })
  expect(bad).toMatchObject({ code: 1, failed: steps.at(-1)?.run })
  expect(bad.output).toContain('no database')
  const results = await load.finish()
  expect(results.map(({ failures }) => failures)).toEqual([[], []])
  for (const host of hosts.names) {
    expect(await hosts.currentOf(host)).toBe('releases/2-cafe')
    expect(await hosts.generationOf(host)).toBe(2)
    expect(await hosts.ssh(host, 'ls -A /srv/app/current')).not.toContain('.git')
  }
})

test('the workflow stops before the hosts when a test of the app fails', async () => {
  const hosts = await startHosts(1)
  const folder = await checkOut(hosts)
  rmSync(join(folder, 'app.test.js'))
  writeFileSync(join(folder, 'bad.test.js'), "throw new Error('wrong')\n")
  expect(await runJob(hosts, folder, {})).toMatchObject({ code: 1, failed: 'npm test' })
  expect(await hosts.ssh('app-1', 'ls /srv/app/releases')).toBe('1')
})
