/** The process managers to compare: each starts, reloads and stops the same application. */
import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { promisify } from 'node:util'
import { RawConnection } from '@handover/load'
import { programs } from '../packed.js'
import { finalYoungGeneration, pinned } from '../service.js'

export interface Manager {
  /** The process that starts and stops the workers. */
  readonly pid: number
  /** Resolves when all workers are replaced. */
  reload(): Promise<void>
  stop(): Promise<void>
}

export interface Order {
  readonly port: number
  readonly workers: number
  readonly core: number | undefined
}

export type ManagerName = 'handover' | 'cluster' | 'pm2'

export const titles: Readonly<Record<ManagerName, string>> = {
  handover: 'handover run',
  cluster: 'node:cluster',
  pm2: 'PM2 7',
}

const require = createRequire(import.meta.url)
const server = `${programs}/peers/server.js`
const run = promisify(execFile)
const limitMs = 60_000

/** Resolves when all workers serve. */
export const managers: Readonly<Record<ManagerName, (order: Order) => Promise<Manager>>> = {
  async handover({ port, workers, core }) {
    const folder = mkdtempSync(join(tmpdir(), 'handover-bench-'))
    const control = join(folder, 'control')
    const cli = require.resolve('@handover/cli/package.json').replace('package.json', 'dist/main.js')
    const application = [process.execPath, ...finalYoungGeneration, server, 'handover', String(port)]
    const args = [cli, 'run', '--workers', String(workers), '--control', control, '--', ...application]
    const child = start(core, args)
    const ask = (...words: string[]) =>
      run(process.execPath, [cli, ...words, '--control', control], { timeout: limitMs })
    return {
      pid: child.pid as number,
      reload: async () => void (await ask('reload')),
      stop: () => end(child).finally(() => rmSync(folder, { recursive: true, force: true })),
    }
  },

  async cluster({ port, workers, core }) {
    const args = [String(port), String(workers), ...finalYoungGeneration]
    const child = start(core, [`${programs}/peers/primary.js`, ...args])
    const lines = createInterface(child.stdout as NonNullable<typeof child.stdout>)
    await once(lines, 'line')
    return {
      pid: child.pid as number,
      async reload() {
        const ready = once(lines, 'line')
        child.kill('SIGHUP')
        await ready
      },
      stop: () => end(child),
    }
  },

  /** Follows PM2's documentation: with `wait_ready`, the application sends "ready", and closes its server at SIGINT. */
  async pm2({ port, workers, core }) {
    const folder = mkdtempSync(join(tmpdir(), 'handover-bench-'))
    const file = join(folder, 'app.config.json')
    const app = {
      name: 'app',
      script: server,
      args: ['pm2', String(port)],
      node_args: finalYoungGeneration,
      instances: workers,
      exec_mode: 'cluster',
      wait_ready: true,
      listen_timeout: 10_000,
      kill_timeout: 5_000,
    }
    writeFileSync(file, JSON.stringify({ apps: [app] }))
    const pm2 = async (...words: string[]) => {
      const [command, ...args] = pinned(core, [process.execPath, require.resolve('pm2/bin/pm2'), ...words])
      await run(command as string, args, { env: { ...process.env, PM2_HOME: folder }, timeout: limitMs })
    }
    await pm2('start', file)
    return {
      pid: Number(readFileSync(join(folder, 'pm2.pid'), 'utf8')),
      reload: async () => void (await pm2('reload', 'app')),
      async stop() {
        await pm2('kill')
        rmSync(folder, { recursive: true, force: true })
      },
    }
  },
}

/** Resolves when all workers have responded. */
export async function untilServed(port: number, workers: number): Promise<void> {
  const deadline = performance.now() + limitMs
  const pids = new Set<string>()
  while (pids.size < workers) {
    if (performance.now() > deadline) throw new Error(`only ${pids.size} of ${workers} workers responded`)
    const answers = await Promise.all(Array.from({ length: 20 }, () => fetchPid(port)))
    for (const pid of answers) if (pid) pids.add(pid)
  }
}

async function fetchPid(port: number): Promise<string | undefined> {
  const connection = await RawConnection.connect({ port }).catch(() => undefined)
  await connection?.write('GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n')
  const pid = (await connection?.response())?.headers.get('x-pid') ?? undefined
  connection?.close()
  return pid
}

const running = new Set<ChildProcess>()

/** Starts a process group, which ends with this program whatever happens to the manager. */
function start(core: number | undefined, args: readonly string[]): ChildProcess {
  const [command, ...rest] = pinned(core, [process.execPath, ...args])
  const child = spawn(command as string, rest, { detached: true, stdio: ['ignore', 'pipe', 'inherit'] })
  running.add(child)
  return child
}

async function end(child: ChildProcess): Promise<void> {
  const gone = once(child, 'exit')
  kill(child)
  await gone
  running.delete(child)
}

function kill({ pid }: ChildProcess): void {
  try {
    process.kill(-(pid as number), 'SIGKILL')
  } catch {
    // The process group has already exited.
  }
}

process.once('exit', () => running.forEach(kill))
