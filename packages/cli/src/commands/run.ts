/** `handover run`. */
import { spawn } from 'node:child_process'

export interface RunOptions {
  readonly workers: number
  readonly control?: string
  readonly pidFile?: string
  readonly readyTimeout?: number
  readonly drainTimeout?: number
  readonly cwd?: string
  readonly envFile?: string
}

export async function run(command: readonly string[], options: RunOptions): Promise<void> {
  const [file = '', ...args] = command
  const program = spawn(file, args, { stdio: 'inherit', ...(options.cwd ? { cwd: options.cwd } : {}) })
  program.once('exit', (code) => process.exit(code ?? 1))
}
