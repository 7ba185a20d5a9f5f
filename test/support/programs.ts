// Clients and proxies from Debian packages, for test/interop. Each one is killed by its pid when its test finishes.
import { type ChildProcess, spawn } from 'node:child_process'
import { accessSync, constants } from 'node:fs'
import { delimiter, join } from 'node:path'
import { onTestFailed, onTestFinished } from 'vitest'
import { LIMIT_MS } from './story.js'
import { until } from './until.js'

/** Each program with its Debian package. */
const packages = {
  chromium: 'chromium',
  curl: 'curl',
  h2load: 'nghttp2-client',
  haproxy: 'haproxy',
  nghttp: 'nghttp2-client',
  nginx: 'nginx-light',
  openssl: 'openssl',
  prometheus: 'prometheus',
} as const

export type ProgramName = keyof typeof packages

/** The path of the program. Debian installs servers in /usr/sbin, which may not be in `PATH`. */
export function pathOf(name: ProgramName): string {
  const folders = [...(process.env.PATH ?? '').split(delimiter), '/usr/sbin']
  const found = folders.map((folder) => join(folder, name)).find(isExecutable)
  if (found) return found
  throw new Error(`${name} is missing: "bash tools/debian-packages.sh" installs Debian's ${packages[name]}`)
}

/** A running program and its output. */
export class Program {
  readonly pid: number
  readonly #child: ChildProcess
  readonly #ended: Promise<number | NodeJS.Signals>
  output = ''

  /** `enter`: a command that runs the program, such as `nsenter` with its options. */
  constructor(name: ProgramName, args: readonly string[], enter: readonly string[] = []) {
    const [file = '', ...rest] = [...enter, pathOf(name), ...args]
    this.#child = spawn(file, rest, { stdio: ['pipe', 'pipe', 'pipe'] })
    this.pid = this.#child.pid ?? 0
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      stream?.setEncoding('utf8').on('data', (text: string) => {
        this.output += text
      })
    }
    this.#ended = new Promise((resolve) => {
      this.#child.once('close', (code, signal) => resolve(code ?? signal ?? 'SIGKILL'))
    })
    onTestFailed(() => console.error(`${name} ${args.join(' ')} printed:\n${this.output}`))
    onTestFinished(() => this.kill())
  }

  /** Writes to the program's standard input. */
  write(text: string): void {
    this.#child.stdin?.write(text)
  }

  /** Resolves when the program has printed something that matches. */
  printed(pattern: RegExp, limitMs = LIMIT_MS): Promise<void> {
    return until(`${pattern} is printed`, () => pattern.test(this.output), limitMs)
  }

  /** Closes the program's standard input and resolves with its exit code or signal. */
  async exit(): Promise<number | NodeJS.Signals> {
    this.#child.stdin?.end()
    return this.#ended
  }

  async kill(signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    this.#child.kill(signal)
    await this.#ended
  }
}

/** Runs the program until it exits. Rejects with its output unless the exit code is 0. */
export async function run(name: ProgramName, args: readonly string[]): Promise<string> {
  const program = new Program(name, args)
  const code = await program.exit()
  if (code !== 0) throw new Error(`${name} ended with ${code}:\n${program.output}`)
  return program.output
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}
