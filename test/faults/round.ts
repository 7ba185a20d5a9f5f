/** Plays one round: starts a service with clients, reloads it with faults and records its state. */
import { setTimeout as pause } from 'node:timers/promises'
import { isHandedOver } from '../support/generations.js'
import { ended } from '../support/processes.js'
import type { Fact } from '../support/story.js'
import { Clients } from './clients.js'
import { runCommand } from './commands.js'
import { type Anomaly, judge } from './oracle.js'
import type { Plan, ReloadPlan } from './plan.js'
import type { Command, Requested, RoundLog, Snapshot } from './round-log.js'
import { Scene } from './scene.js'
import { snapshotOf } from './snapshot.js'
import { Strikes } from './strikes.js'

/** The time limit of a reload by signal. A fault delays a successor by at most 8 s. */
const outcomeLimitMs = 20_000
/** The time limit for the exit of a service after SIGTERM, which lingers and drains. */
const goneLimitMs = 25_000

export interface Played {
  readonly log: RoundLog
  readonly anomalies: readonly Anomaly[]
  readonly missed: readonly string[]
  readonly output: string
  readonly ms: number
}

export async function playRound(plan: Plan): Promise<Played> {
  const startedAt = performance.now()
  const scene = new Scene(plan)
  const strikes = new Strikes(scene)
  try {
    await scene.ready()
    const log = await new Round(scene, strikes).play()
    const { output } = scene.service
    const ms = Math.round(performance.now() - startedAt)
    return { log, anomalies: judge(log), missed: strikes.missed, output, ms }
  } finally {
    strikes.lift()
    await scene.remove()
  }
}

class Round {
  readonly #scene: Scene
  readonly #strikes: Strikes
  readonly #requested: Requested[] = []

  constructor(scene: Scene, strikes: Strikes) {
    this.#scene = scene
    this.#strikes = strikes
  }

  async play(): Promise<RoundLog> {
    const { service, plan } = this.#scene
    const clients = await Clients.start(this.#scene.target, plan.setup.clients)
    for (const reload of plan.reloads) await this.#reload(reload)
    this.#strikes.lift()
    await this.#strikes.haveArrived()
    let { afterFaults, lastReload } = await this.#look()
    // The service only looked stable: some of its processes were replaced later.
    if (lastReload && this.#hasShrunk(afterFaults)) ({ afterFaults, lastReload } = await this.#look())
    const isUp = lastReload !== undefined
    const { failures, idle } = await clients.stop()
    const stop = isUp ? await this.#stop() : undefined
    return {
      plan,
      firstPid: service.pid,
      requested: this.#requested,
      failures,
      idle,
      afterFaults,
      ...(lastReload && { lastReload }),
      ...(stop && { stop }),
      left: { running: service.processes(), files: this.#scene.files },
      acts: this.#strikes.acts,
      facts: service.facts,
    }
  }

  async #look(): Promise<Pick<RoundLog, 'afterFaults' | 'lastReload'>> {
    const afterFaults = await snapshotOf(this.#scene)
    if (afterFaults.running.length === 0 || afterFaults.unsettled !== undefined) return { afterFaults }
    return { afterFaults, lastReload: await this.#reloadOnceMore() }
  }

  /** Whether a process of the snapshot has exited for another reason than the last reload. */
  #hasShrunk({ running }: Snapshot): boolean {
    const handedOver = new Set(this.#scene.facts.filter(isHandedOver).map(({ pid }) => pid))
    const now = this.#scene.service.processes()
    return running.some((pid) => !now.includes(pid) && !handedOver.has(pid))
  }

  async #reload({ by, faults }: ReloadPlan): Promise<void> {
    const afterIndex = this.#scene.service.lastIndex
    const pid = this.#scene.owner
    if (pid === undefined) return
    for (const fault of faults) if (fault.does === 'misbehave') this.#scene.arm(fault)
    const strikes = faults.flatMap((fault) =>
      fault.does === 'misbehave' ? [] : this.#strikes.strike(fault, afterIndex),
    )
    const command =
      by === 'command' ? await this.#command(strikes) : await this.#signal(pid, afterIndex, strikes)
    this.#requested.push({ by, pid, afterIndex, ...(command && { command }) })
    this.#scene.disarm()
  }

  async #command(strikes: readonly Promise<void>[]): Promise<Command> {
    const [command] = await Promise.all([runCommand(this.#scene, 'reload'), ...strikes])
    return command
  }

  async #signal(pid: number, afterIndex: number, strikes: readonly Promise<void>[]): Promise<undefined> {
    try {
      this.#scene.service.signal('SIGHUP', pid)
    } catch {
      // A fault has killed the process.
    }
    const isOutcome = (fact: Fact) => isHandedOver(fact) || fact.event === 'reload-failed'
    const outcome = this.#scene.service.event(isOutcome, { afterIndex, limitMs: outcomeLimitMs })
    await Promise.all([Promise.race([outcome.catch(() => {}), this.#gone(pid)]), ...strikes])
    // Let the next worker start its reload, or the successor take over.
    if (this.#scene.plan.setup.workers > 1) await pause(this.#scene.plan.setup.probationMs * 2)
  }

  async #gone(pid: number): Promise<void> {
    await ended(pid, outcomeLimitMs)
  }

  async #reloadOnceMore(): Promise<{ command: Command; snapshot: Snapshot }> {
    for (;;) {
      const command = await runCommand(this.#scene, 'reload')
      const snapshot = await snapshotOf(this.#scene)
      // A late signal had already started a reload, so try again.
      if (!command.stdout.includes('ERR_HANDOVER_IN_PROGRESS')) return { command, snapshot }
    }
  }

  async #stop(): Promise<NonNullable<RoundLog['stop']>> {
    const { plan, owner, service } = this.#scene
    const all = service.processes()
    const afterIndex = service.lastIndex
    const command = plan.end === 'command' ? await runCommand(this.#scene, 'stop') : undefined
    if (!command && owner !== undefined) service.signal('SIGTERM', owner)
    await Promise.all(all.map((pid) => ended(pid, goneLimitMs)))
    return { by: plan.end, afterIndex, ...(command && { command }) }
  }
}
