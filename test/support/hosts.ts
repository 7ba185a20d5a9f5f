// A machine that deploys to hosts over ssh: see test/system/with-hosts.sh.
import { type ChildProcess, spawn } from 'node:child_process'
import { chmodSync, existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Failure } from '@handover/load'
import { onTestFinished } from 'vitest'
import { descendantsOf } from './processes.js'
import { testNode } from './service.js'
import { tempDir } from './temp-dir.js'
import { until } from './until.js'

const script = fileURLToPath(new URL('../system/with-hosts.sh', import.meta.url))
const examples = fileURLToPath(new URL('../../examples/', import.meta.url))

export const deployFile = (name: string): string => readFileSync(join(examples, 'deploy', name), 'utf8')

export interface LoadOfHost {
  readonly requests: number
  readonly failed: number
  readonly failures: readonly Failure[]
  readonly servedBy: readonly number[]
}

/** A command on the deploying machine, and its output. */
export class RemoteCommand {
  readonly ended: Promise<number>
  output = ''
  readonly #child: ChildProcess

  constructor(file: string, args: readonly string[], env: NodeJS.ProcessEnv = {}) {
    this.#child = spawn(file, args, { env: { ...process.env, HOME: '/root', ...env } })
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      stream?.setEncoding('utf8').on('data', (text: string) => {
        this.output += text
      })
    }
    this.ended = new Promise((resolve) => this.#child.on('close', (code) => resolve(code ?? -1)))
  }

  /** The command itself: nsenter(1) forks into a PID namespace. */
  get pids(): readonly number[] {
    return descendantsOf(this.#child.pid as number)
  }

  printed(pattern: RegExp): Promise<void> {
    return until(`${pattern} is printed`, () => {
      if (this.#child.exitCode !== null && !pattern.test(this.output))
        throw new Error(`ended:\n${this.output}`)
      return pattern.test(this.output)
    })
  }

  endInput(): void {
    this.#child.stdin?.end()
  }
}

/** Starts hosts that end with the test. Each runs release 1 of the example of systemd, on port 3000. */
export async function startHosts(count: number): Promise<Hosts> {
  const hosts = await startEmptyHosts(count)
  hosts.build('1')
  for (const name of hosts.names) await hosts.startRelease(name, '1')
  return hosts
}

/** Starts hosts without a service. */
export async function startEmptyHosts(count: number): Promise<Hosts> {
  const hosts = new Hosts(tempDir(), count)
  await hosts.start()
  return hosts
}

export class Hosts {
  readonly names: readonly string[]
  /** A folder of the deploying machine with releases by name. */
  readonly built: string
  readonly #folder: string
  #inside = 0

  constructor(folder: string, count: number) {
    this.#folder = folder
    this.built = join(folder, 'built')
    this.names = Array.from({ length: count }, (_, i) => `app-${i + 1}`)
    chmodSync(folder, 0o755)
    mkdirSync(this.built)
  }

  async start(): Promise<void> {
    const inside = ['sh', '-c', 'echo started; exec cat']
    const machine = new RemoteCommand('bash', [
      script,
      this.#folder,
      testNode,
      `${this.names.length}`,
      ...inside,
    ])
    onTestFinished(async ({ task }) => {
      if (task.result?.state === 'fail') console.error(this.log())
      machine.endInput()
      await machine.ended
    })
    await machine.printed(/started/)
    this.#inside = machine.pids[0] as number
  }

  /** The path of a file in /srv/app of a host. */
  path(host: string, file: string): string {
    return join(this.#folder, host, 'app', file)
  }

  /** Copies a built release to a host. */
  async upload(host: string, release: string): Promise<void> {
    await this.do('rsync', '-a', `${this.built}/${release}/`, `app@${host}:/srv/app/releases/${release}/`)
  }

  /** Installs the release and the deploy script, and starts the service. */
  async startRelease(host: string, release: string): Promise<void> {
    await this.upload(host, release)
    await this.install(host, 'deploy.sh')
    await this.ssh(host, `ln -s releases/${release} /srv/app/current`)
    await this.startService(host, 'current')
    await until(`${host} serves`, () => this.log(host).includes('generation 1 is ready'))
  }

  /** Starts the release that a link leads to. */
  async startService(
    host: string,
    link: string,
    env = 'HANDOVER_CONTROL=/run/app/handover.sock',
  ): Promise<void> {
    const start = `cd /srv/app/${link} && ${env} setsid -f node server.mjs`
    await this.ssh(host, `${start} >>/srv/app/log 2>&1 </dev/null`)
  }

  /** Builds a release: a server, preceded by this code. */
  build(
    release: string,
    code = '',
    server = readFileSync(join(examples, 'systemd', 'server.mjs'), 'utf8'),
  ): string {
    const folder = join(this.built, release)
    const modules = join(folder, 'node_modules')
    mkdirSync(join(modules, '@handover'), { recursive: true })
    mkdirSync(join(modules, '.bin'))
    symlinkSync('/opt/handover/packages/core', join(modules, '@handover', 'core'))
    const command = "#!/usr/bin/env node\nimport('/opt/handover/packages/cli/dist/main.js')\n"
    writeFileSync(join(modules, '.bin', 'handover'), command, { mode: 0o755 })
    writeFileSync(join(folder, 'server.mjs'), `${code}\n${server}`)
    return folder
  }

  /** Copies a file of examples/deploy to /srv/app of a host. */
  async install(host: string, file: string): Promise<void> {
    const from = `/opt/handover/examples/deploy/${file}`
    await this.do('rsync', '-a', from, `app@${host}:/srv/app/`)
  }

  /** Starts a command on the deploying machine. */
  command(...command: readonly string[]): RemoteCommand {
    return this.commandIn({}, ...command)
  }

  commandIn(env: NodeJS.ProcessEnv, ...command: readonly string[]): RemoteCommand {
    const into = ['--target', `${this.#inside}`, '--mount', '--pid', '--net', '--']
    return new RemoteCommand('nsenter', [...into, ...command], env)
  }

  /** Runs a command on the deploying machine. */
  async run(...command: readonly string[]): Promise<{ code: number; output: string }> {
    const running = this.command(...command)
    running.endInput()
    return { code: await running.ended, output: running.output }
  }

  /** Runs a command that must succeed, and resolves with its output. */
  async do(...command: readonly string[]): Promise<string> {
    const { code, output } = await this.run(...command)
    if (code !== 0) throw new Error(`${command.join(' ')} failed with ${code}: ${output}`)
    return output.trim()
  }

  ssh(host: string, command: string): Promise<string> {
    return this.do('ssh', `app@${host}`, command)
  }

  /** Asks the service on a host for its generation. */
  async generationOf(host: string): Promise<number> {
    const url = `http://${host}:3000/`
    const code = `fetch('${url}').then(async (answer) => console.log((await answer.json()).generation))`
    return Number(await this.do('node', '-e', code))
  }

  currentOf(host: string): Promise<string> {
    return this.ssh(host, 'readlink /srv/app/current')
  }

  /** Starts clients of all hosts, and resolves when each host has answered. `finish` resolves with what they saw. */
  async load(
    targets = this.names.map((host) => ({ host, port: 3000 })),
  ): Promise<{ finish(): Promise<LoadOfHost[]> }> {
    const clients = this.command('node', '/opt/handover/test/fixtures/load.mjs', JSON.stringify(targets))
    await clients.printed(new RegExp(`"servedBy":\\[${targets.map(() => '\\[\\d+\\]').join(',')}\\]`))
    return {
      finish: async () => {
        clients.endInput()
        await clients.ended
        const last = clients.output.trim().split('\n').at(-1) ?? ''
        return JSON.parse(last).results
      },
    }
  }

  /** What sshd and the services have logged. */
  log(host?: string): string {
    const files = (host ? [host] : this.names).flatMap((name) => [
      this.path(name, 'log'),
      join(this.#folder, `${name}.log`),
    ])
    return files.map((file) => (existsSync(file) ? readFileSync(file, 'utf8') : '')).join('\n')
  }
}
