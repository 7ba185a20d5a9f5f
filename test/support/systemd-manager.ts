// A real systemd for test/system: see with-systemd.sh. It runs the units of examples/systemd on free ports.
import { execFile, spawn } from 'node:child_process'
import { chmodSync, mkdirSync, readFileSync, renameSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { TcpTarget } from '@handover/load'
import { onTestFinished } from 'vitest'
import { freePort } from './free-port.js'
import { descendantsOf } from './processes.js'
import { testNode } from './service.js'
import { tempDir } from './temp-dir.js'
import { until } from './until.js'

const script = fileURLToPath(new URL('../system/with-systemd.sh', import.meta.url))
const exampleFiles = fileURLToPath(new URL('../../examples/systemd/', import.meta.url))

export const exampleFile = (name: string): string => readFileSync(join(exampleFiles, name), 'utf8')

export interface Finished {
  readonly code: number
  readonly output: string
}

/** Starts a systemd that ends with the test. `env` is for with-systemd.sh. */
export async function startManager(env: NodeJS.ProcessEnv = {}): Promise<Manager> {
  const manager = new Manager(tempDir(), await freePort(), await freePort())
  await manager.start(env)
  return manager
}

export class Manager {
  readonly #srv: string
  readonly #ports: readonly [number, number]
  /** A process inside, whose namespaces the commands enter. */
  #inside = 0
  #releases = 0

  constructor(srv: string, port: number, metricsPort: number) {
    this.#srv = srv
    this.#ports = [port, metricsPort]
    chmodSync(srv, 0o755)
    mkdirSync(join(srv, 'units'))
    this.deploy()
  }

  get target(): TcpTarget {
    return { host: '127.0.0.1', port: this.#ports[0] }
  }

  get metrics(): TcpTarget {
    return { host: '127.0.0.1', port: this.#ports[1] }
  }

  async start(env: NodeJS.ProcessEnv): Promise<void> {
    // The command ends when its standard input closes, and the namespaces end with it.
    const child = spawn('bash', [script, this.#srv, testNode, 'sh', '-c', 'echo started; exec cat'], {
      env: { ...process.env, ...env },
    })
    let printed = ''
    for (const stream of [child.stdout, child.stderr])
      stream.setEncoding('utf8').on('data', (text: string) => {
        printed += text
      })
    const closed = new Promise((resolve) => child.on('close', resolve))
    onTestFinished(async ({ task }) => {
      if (task.result?.state === 'fail') console.error(await this.log())
      child.stdin.end()
      await closed
    })
    await until('systemd runs', () => {
      if (child.exitCode !== null) throw new Error(`systemd did not start:\n${printed}`)
      return printed.includes('started')
    })
    // Below unshare, the first process of the PID namespace.
    this.#inside = descendantsOf(child.pid as number)[1] as number
  }

  /** Installs a file of examples/systemd with the ports of this manager, or another unit or drop-in. */
  install(name: string, content = exampleFile(name)): void {
    const path = join(this.#srv, 'units', name)
    mkdirSync(dirname(path), { recursive: true })
    writeFileSync(path, this.#onPorts(content))
  }

  /** Makes `current` lead to a new release: the example, preceded by this code. */
  deploy(code = ''): void {
    const release = `releases/${++this.#releases}`
    const [app, folder] = [join(this.#srv, 'app'), join(this.#srv, 'app', release)]
    const modules = join(folder, 'node_modules')
    mkdirSync(join(modules, '@handover'), { recursive: true })
    mkdirSync(join(modules, '.bin'))
    symlinkSync('/opt/handover/packages/core', join(modules, '@handover', 'core'))
    const command = '#!/bin/sh\nexec node /opt/handover/packages/cli/dist/main.js "$@"\n'
    writeFileSync(join(modules, '.bin', 'handover'), command, { mode: 0o755 })
    writeFileSync(join(folder, 'server.mjs'), `${code}\n${this.#onPorts(exampleFile('server.mjs'))}`)
    symlinkSync(release, join(app, 'next'))
    renameSync(join(app, 'next'), join(app, 'current'))
  }

  /** Creates an empty file in /srv/app. */
  touch(name: string): void {
    writeFileSync(join(this.#srv, 'app', name), '')
  }

  /** Runs a command beside systemd. */
  run(...command: readonly string[]): Promise<Finished> {
    const env = { ...process.env, XDG_RUNTIME_DIR: '/run/manager' }
    const into = ['--target', String(this.#inside), '--mount', '--pid', '--cgroup', '--']
    return new Promise((resolve) => {
      execFile('nsenter', [...into, ...command], { env }, (error, stdout, stderr) => {
        const code = error ? Number(error.code ?? 1) : 0
        resolve({ code, output: `${stdout}${stderr}` })
      })
    })
  }

  systemctl(...args: readonly string[]): Promise<Finished> {
    return this.run('systemctl', '--user', ...args)
  }

  /** Runs systemctl, which must succeed. */
  async do(...args: readonly string[]): Promise<void> {
    const { code, output } = await this.systemctl(...args)
    if (code !== 0) throw new Error(`systemctl ${args.join(' ')} failed with ${code}: ${output}`)
  }

  /** A property of a unit. */
  async show(unit: string, property: string): Promise<string> {
    return (await this.systemctl('show', '--value', '--property', property, unit)).output.trim()
  }

  /** Resolves when the property of the unit has such a value. */
  async untilShown(unit: string, property: string, isExpected: (value: string) => boolean): Promise<void> {
    await until(`${property} of ${unit} is as expected`, async () =>
      isExpected(await this.show(unit, property)),
    )
  }

  /** Everything that the services and systemd have logged. */
  async log(): Promise<string> {
    return (await this.run('journalctl', '--no-pager', '--output=cat')).output
  }

  #onPorts(content: string): string {
    return content.replaceAll('3000', String(this.#ports[0])).replaceAll('9464', String(this.#ports[1]))
  }
}
