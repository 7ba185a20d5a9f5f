// Services under `handover run`. `service.pid` is the supervisor; the facts come from its workers.
import { fileURLToPath } from 'node:url'
import { onTestFinished } from 'vitest'
import { isHandedOver, isReady } from './generations.js'
import { type Fact, launchService, type Service, type ServiceOptions, testNode } from './service.js'
import { tempDir } from './temp-dir.js'

/** The built command. */
export const handover = fileURLToPath(new URL('../../packages/cli/dist/main.js', import.meta.url))

export interface RunOptions extends ServiceOptions {
  /** Options of `handover run`. */
  readonly run?: readonly string[]
  /** The command between the options of `handover run` and the program. Default: Node. */
  readonly command?: readonly string[]
}

/** Starts a fixture, or a program, under a supervisor and does not wait for it. */
export function launchRun(
  fixture: string,
  { run = [], command = [testNode], ...more }: RunOptions = {},
): Service {
  const execArgv = [handover, 'run', ...run, '--', ...command]
  // The working directory also holds the control socket.
  const service = launchService(fixture, { cwd: tempDir(), ...more, execArgv, leftOvers: 'allowed' })
  onTestFinished(async () => {
    // Workers that outlive the supervisor end by themselves.
    try {
      process.kill(service.pid, 'SIGTERM')
    } catch {
      // The supervisor has already ended.
    }
    for (const pid of service.processes()) await service.exitOf(pid)
  })
  return service
}

/** Starts a service like {@link launchRun} and waits until all workers serve. */
export async function startRun(fixture: string, options: RunOptions = {}): Promise<Service> {
  const service = launchRun(fixture, options)
  const at = options.run?.indexOf('--workers') ?? -1
  const workers = at < 0 ? 1 : Number(options.run?.[at + 1])
  for (const seen = new Set<number>(); seen.size < workers; ) {
    seen.add((await service.event((fact) => isReady(fact) && !seen.has(fact.pid))).pid)
  }
  await service.event('listening')
  return service
}

/** The workers that accept connections: ready or handing over, not draining. */
export function accepting(service: Service): number[] {
  const states = new Map<number, string>()
  for (const { event, pid, state } of service.facts) if (event === 'state' && state) states.set(pid, state)
  const running = service.processes()
  return [...states].flatMap(([pid, state]) =>
    /^(ready|handing-over)$/.test(state) && running.includes(pid) ? pid : [],
  )
}

/** Sends SIGHUP to the supervisor. Resolves with the new workers' pids when `workers` of them have taken over. */
export async function rollWorkers(service: Service, workers = 1): Promise<number[]> {
  const afterIndex = service.lastIndex
  service.signal('SIGHUP', service.pid)
  const replaced = new Set<number>()
  while (replaced.size < workers) {
    const isOutcome = (fact: Fact) =>
      !replaced.has(fact.pid) && (isHandedOver(fact) || fact.event === 'reload-failed')
    const outcome = await service.event(isOutcome, { afterIndex })
    if (!isHandedOver(outcome)) throw new Error(`the reload failed: ${outcome.code} ${outcome.message}`)
    replaced.add(outcome.pid)
  }
  return accepting(service)
}
