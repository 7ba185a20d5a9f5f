// A container without Docker, in namespaces of its own: see test/system/container.sh.
import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { constants } from 'node:os'
import { fileURLToPath } from 'node:url'
import type { TcpTarget } from '@handover/load'
import { onTestFinished } from 'vitest'
import { blocksOf } from '../docs/pages.js'
import type { Image } from './container-image.js'
import { freePort } from './free-port.js'
import { descendantsOf, type ProcessStatus, statusOf } from './processes.js'
import { testNode } from './service.js'
import type { Finished } from './systemd-manager.js'
import { until } from './until.js'

const script = fileURLToPath(new URL('../system/container.sh', import.meta.url))

/** The options of the `docker run` line in the README of the example. */
export const runLine = (
  blocksOf('examples/container/README.md').find(({ code }) => code.startsWith('docker run'))?.code ?? ''
)
  .trim()
  .split(/\s+/)
const optionOf = (name: string) => runLine[runLine.indexOf(name) + 1] ?? ''

export interface RunOptions {
  /** As `docker run --init`: tini is PID 1. */
  readonly init?: boolean
  /** As `docker run --entrypoint`, with the arguments. */
  readonly command?: readonly string[]
  /** The writable folder with its mount options; '' for none. */
  readonly tmpfs?: string
  readonly env?: Readonly<Record<string, string>>
}

/** Starts a container that ends with the test. */
export async function runContainer(image: Image, options: RunOptions = {}): Promise<Container> {
  const port = await freePort()
  const {
    init = false,
    command = [...image.entrypoint, ...image.command],
    tmpfs = optionOf('--tmpfs'),
  } = options
  const env = { ...image.env, PORT: String(port), ...options.env }
  const words = [...(init ? ['tini', '--'] : []), ...command]
  const place = [testNode, image.root, image.user, image.folder, tmpfs]
  const child = spawn('bash', [script, ...place, ...withEnvironment(env, words)])
  const container = new Container(image, env, child, { host: '127.0.0.1', port })
  onTestFinished(async ({ task }) => {
    if (task.result?.state === 'fail') console.error(container.log)
    container.kill('SIGKILL')
    await container.ended
  })
  return container
}

export class Container {
  log = ''
  readonly target: TcpTarget
  /** The exit code that Docker shows: 128 plus the number of the signal if a signal ended PID 1. */
  readonly ended: Promise<number>
  readonly #image: Image
  readonly #env: Readonly<Record<string, string>>
  readonly #child: ChildProcess
  #killed = false

  constructor(image: Image, env: Readonly<Record<string, string>>, child: ChildProcess, target: TcpTarget) {
    this.#image = image
    this.#env = env
    this.#child = child
    this.target = target
    for (const stream of [child.stdout, child.stderr])
      stream?.setEncoding('utf8').on('data', (text: string) => {
        this.log += text
      })
    this.ended = new Promise((resolve) => {
      // The unshare of Debian 12 exits with 1 after SIGKILL.
      child.on('close', (code) => resolve(this.#killed ? 128 + constants.signals.SIGKILL : (code ?? 1)))
    })
  }

  /** PID 1 of the container, as this machine numbers it. */
  get pid1(): number | undefined {
    return descendantsOf(this.#child.pid as number)[0]
  }

  /** Every process below PID 1, zombies included. */
  get processes(): ProcessStatus[] {
    return descendantsOf(this.pid1 as number).flatMap((pid) => statusOf(pid) ?? [])
  }

  /** As `docker kill --signal`. */
  kill(signal: NodeJS.Signals): void {
    const { pid1 } = this
    if (pid1 === undefined) return
    if (signal === 'SIGKILL') this.#killed = true
    process.kill(pid1, signal)
  }

  /** As `docker stop`: the signal of the image, and SIGKILL after the timeout. */
  async stop(timeoutMs: number): Promise<number> {
    this.kill(this.#image.stopSignal as NodeJS.Signals)
    const timer = setTimeout(() => this.kill('SIGKILL'), timeoutMs)
    const code = await this.ended
    clearTimeout(timer)
    return code
  }

  /** As `docker exec`. */
  exec(...words: readonly string[]): Promise<Finished> {
    const { user } = this.#image
    const into = ['--target', String(this.pid1), '--mount', '--pid', '--root', '--wd', '--']
    const as = [
      'setpriv',
      `--reuid=${user}`,
      `--regid=${user}`,
      '--clear-groups',
      '--no-new-privs',
      '--bounding-set=-all',
    ]
    const command = [...into, ...as, '--', ...withEnvironment(this.#env, words)]
    return new Promise((resolve) => {
      execFile('nsenter', command, (error, stdout, stderr) => {
        resolve({ code: error ? Number(error.code ?? 1) : 0, output: `${stdout}${stderr}` })
      })
    })
  }

  untilLogged(text: string | RegExp): Promise<void> {
    return until(`the log has ${text}`, () => this.log.search(text) >= 0)
  }

  /** Resolves when the health check of the image succeeds. */
  async untilHealthy(): Promise<void> {
    await this.untilLogged('is ready')
    await until('the container is healthy', async () => (await this.exec(...this.#image.health)).code === 0)
  }
}

const withEnvironment = (env: Readonly<Record<string, string>>, words: readonly string[]) => [
  'env',
  '-i',
  ...Object.entries(env).map(([name, value]) => `${name}=${value}`),
  ...words,
]
