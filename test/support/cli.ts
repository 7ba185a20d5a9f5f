// Runs the `handover` command as a user does.
import { type ChildProcessByStdio, spawn } from 'node:child_process'
import type { Readable } from 'node:stream'
import { onTestFinished } from 'vitest'
import { testNode } from './service.js'
import { handover } from './supervised.js'
import { until } from './until.js'

export interface CliOptions {
  readonly cwd?: string
  readonly env?: Readonly<Record<string, string | undefined>>
}

export interface Ended {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

/** A running command. */
export class Cli {
  readonly pid: number
  /** Resolves when the command has ended. */
  readonly ended: Promise<Ended>
  stdout = ''
  stderr = ''
  readonly #child: ChildProcessByStdio<null, Readable, Readable>

  constructor(file: string, args: readonly string[], { cwd, env }: CliOptions = {}) {
    const child = spawn(file, args, {
      cwd,
      env: { ...process.env, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    this.#child = child
    this.pid = child.pid ?? 0
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      this.stdout += text
    })
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      this.stderr += text
    })
    this.ended = new Promise((resolve, reject) => {
      child.once('error', reject)
      child.once('close', (code) => resolve({ code, stdout: this.stdout, stderr: this.stderr }))
    })
    onTestFinished(() => void child.kill('SIGKILL'))
  }

  /** Resolves when the output on either stream matches the pattern. */
  printed(pattern: RegExp): Promise<void> {
    return until(`${pattern} is printed`, () => pattern.test(this.stdout) || pattern.test(this.stderr))
  }

  interrupt(): void {
    process.kill(this.pid, 'SIGINT')
  }

  /** Sends SIGHUP and stops reading the output, as a terminal that closes. */
  hangUp(): void {
    this.#child.stdout.destroy()
    this.#child.stderr.destroy()
    process.kill(this.pid, 'SIGHUP')
  }
}

/** Starts `handover` with these arguments. */
export const startCli = (args: readonly string[], options?: CliOptions): Cli =>
  new Cli(testNode, [handover, ...args], options)

/** Runs `handover` until it exits. */
export const cli = (args: readonly string[], options?: CliOptions): Promise<Ended> =>
  startCli(args, options).ended

/** Starts `handover` on its own terminal (script(1)). Its `stdout` contains everything printed there. */
export function startOnTerminal(args: readonly string[], options?: CliOptions): Cli {
  const line = [testNode, handover, ...args].map((each) => `'${each.replaceAll("'", "'\\''")}'`).join(' ')
  return new Cli('script', ['--quiet', '--return', '--command', line, '/dev/null'], options)
}
