/** Waits until a service is stable and records its state. */
import { readFileSync } from 'node:fs'
import { setTimeout as pause } from 'node:timers/promises'
import { ask } from '../support/control.js'
import { isRunning } from '../support/processes.js'
import { answerFrom } from './clients.js'
import { phaseAt, processesOf } from './process-states.js'
import type { Snapshot } from './round-log.js'
import type { Scene } from './scene.js'

/** Covers the longest wait of a service: a drain (10 s), possibly followed by a restart. */
const settleLimitMs = 30_000
const pollMs = 60
/** Signals may arrive late, so a service is stable only after this many stable checks in a row. */
const stableChecks = 6
const probes = 4

export async function snapshotOf(scene: Scene): Promise<Snapshot> {
  const unsettled = await untilSettled(scene)
  const running = scene.service.processes()
  const isUp = running.length > 0
  const answers: (number | string)[] = []
  for (let n = 0; isUp && n < probes; n++) answers.push(await answerFrom(scene.target))
  const pidFile = isUp ? await settledPidFile(scene) : readPidFile(scene)
  return {
    running,
    ...(unsettled !== undefined && { unsettled }),
    answers,
    pidFile,
    pidFileLives: pidFile !== undefined && isRunning(Number(pidFile)),
    control: isUp ? await servingByControl(scene) : 'nothing runs',
    files: scene.files,
  }
}

/** Resolves when the service is stable, or with the reason why it is not at the limit. */
async function untilSettled(scene: Scene): Promise<string | undefined> {
  const deadline = performance.now() + settleLimitMs
  for (let quiet = 0; ; ) {
    const why = unsettledBecause(scene)
    quiet = why === undefined ? quiet + 1 : 0
    if (quiet === stableChecks || performance.now() > deadline) return why
    await pause(pollMs)
  }
}

function unsettledBecause(scene: Scene): string | undefined {
  const running = scene.service.processes()
  if (running.length === 0) return undefined
  const tracked = processesOf(scene)
  const workers = running.filter((pid) => scene.isAlone || pid !== scene.service.pid)
  const phases = workers.map((pid) => {
    const process = tracked.find((each) => each.pid === pid)
    return process && phaseAt(process, Number.POSITIVE_INFINITY)
  })
  const isWhole = workers.length === scene.plan.setup.workers
  const hasSupervisor = scene.isAlone || running.includes(scene.service.pid)
  if (isWhole && hasSupervisor && phases.every((phase) => phase === 'serving')) return undefined
  const each = workers.map((pid, n) => `${pid} ${phases[n] ?? 'has reported nothing'}`)
  return `${hasSupervisor ? '' : 'no supervisor is running; '}${each.join(', ') || 'no worker'}`
}

/** Waits for a valid PID file, because a generation may retry to write it. */
async function settledPidFile(scene: Scene): Promise<string | undefined> {
  const deadline = performance.now() + 5_000
  for (;;) {
    const text = readPidFile(scene)
    if ((text !== undefined && isRunning(Number(text))) || performance.now() > deadline) return text
    await pause(pollMs)
  }
}

function readPidFile({ pidFile }: Scene): string | undefined {
  try {
    return readFileSync(pidFile, 'utf8').trim()
  } catch {
    return undefined
  }
}

interface Status {
  readonly generations: readonly { readonly pid: number; readonly state: string }[]
}

/** Retries, because the next owner may not serve the control socket yet. */
async function servingByControl(scene: Scene): Promise<readonly number[] | string> {
  const deadline = performance.now() + 5_000
  for (;;) {
    try {
      const { status } = (await ask(scene.control, 'status')) as unknown as { status: Status }
      return status.generations.filter(({ state }) => state === 'ready').map(({ pid }) => pid)
    } catch (error) {
      if (performance.now() > deadline) return String(error)
      await pause(pollMs)
    }
  }
}
