// Hosts with addresses of their own for test/system: network namespaces on one bridge. They vanish with the test.
import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import type { Target } from '@handover/load'
import { onTestFinished } from 'vitest'
import { Program, type ProgramName } from './programs.js'
import { LIMIT_MS } from './story.js'
import { tempDir } from './temp-dir.js'
import { until } from './until.js'

const forwarder = fileURLToPath(new URL('../fixtures/forward.mjs', import.meta.url))
const run = promisify(execFile)
const addressOf = (n: number) => `10.77.0.${n}`
const own = ['/run', '/var/lib/nginx', '/var/log']
const setUp = [
  ...own.map((folder) => `if [ -d ${folder} ]; then mount -t tmpfs tmpfs ${folder}; fi`),
  'mkdir /run/haproxy /var/log/nginx',
  'ip link set lo up',
  'echo started',
  'exec cat',
].join(' && ')

/** A network namespace, and a mount namespace with /run and /var/log of its own. */
export class Host {
  private constructor(
    readonly pid: number,
    readonly address: string,
  ) {}

  static async start(number: number): Promise<Host> {
    // `cat` ends when its standard input closes, and the namespaces end with their last process.
    const child = spawn('unshare', ['--net', '--mount', '--', 'sh', '-c', setUp])
    let printed = ''
    for (const stream of [child.stdout, child.stderr])
      stream.setEncoding('utf8').on('data', (text: string) => {
        printed += text
      })
    const closed = new Promise((resolve) => child.on('close', resolve))
    onTestFinished(async () => {
      child.stdin.end()
      await closed
    })
    await until('the namespaces exist', () => {
      if (child.exitCode !== null) throw new Error(`unshare failed:\n${printed}`)
      return printed === 'started\n'
    })
    return new Host(child.pid ?? 0, addressOf(number))
  }

  /** The command that runs another command on this host. */
  get enter(): string[] {
    return ['nsenter', '--target', String(this.pid), '--net', '--mount', '--']
  }

  /** For the `shell` option of services: their program runs on this host. */
  get shell(): string {
    return `exec ${this.enter.join(' ')} "$0" "$@";`
  }

  /** The path on the machine of a file on this host. */
  path(path: string): string {
    return `/proc/${this.pid}/root${path}`
  }

  start(name: ProgramName, args: readonly string[]): Program {
    const program = new Program(name, args, this.enter)
    // Ends the workers of nginx too. SIGKILL would leave them behind.
    onTestFinished(() => program.kill('SIGTERM'))
    return program
  }

  /** A way from the test to a port of this host. */
  async forward(port: number): Promise<Target> {
    const path = join(tempDir(), 'socket')
    const [file = '', ...rest] = [
      ...this.enter,
      process.execPath,
      forwarder,
      path,
      this.address,
      String(port),
    ]
    const child = spawn(file, rest, { stdio: ['ignore', 'pipe', 'inherit'] })
    const listening = once(child.stdout, 'data', { signal: AbortSignal.timeout(LIMIT_MS) })
    const closed = new Promise((resolve) => child.on('close', resolve))
    onTestFinished(async () => {
      child.kill('SIGKILL')
      await closed
    })
    await listening
    return { path }
  }

  async ip(...args: readonly string[]): Promise<void> {
    const [file = '', ...rest] = [...this.enter, 'ip', ...args]
    await run(file, rest)
  }
}

/** Starts a host for each number, all in 10.77.0.0/24. The first one has the bridge. */
export async function startHosts(numbers: readonly number[]): Promise<Host[]> {
  const hosts = await Promise.all(numbers.map((number) => Host.start(number)))
  const [first, ...others] = hosts as [Host, ...Host[]]
  await first.ip('link', 'add', 'bridge', 'type', 'bridge')
  await first.ip('link', 'set', 'bridge', 'up')
  await first.ip('address', 'add', `${first.address}/24`, 'dev', 'bridge')
  for (const [n, host] of others.entries()) {
    const port = `port${n}`
    await first.ip('link', 'add', port, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', String(host.pid))
    await first.ip('link', 'set', port, 'master', 'bridge', 'up')
    await host.ip('address', 'add', `${host.address}/24`, 'dev', 'eth0')
    await host.ip('link', 'set', 'eth0', 'up')
  }
  return hosts
}
