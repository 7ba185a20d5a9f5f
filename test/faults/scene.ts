/** The service of one round: its processes, their current roles and its folder. */
import { execFileSync } from 'node:child_process'
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Target } from '@handover/load'
import { isHandedOver, isReady } from '../support/generations.js'
import { isRunning } from '../support/processes.js'
import { type Fact, Service, targetOf, testNode } from '../support/service.js'
import type { Misbehavior, Plan, Role } from './plan.js'

// The compiled file is in test/faults/dist/faults.
const top = new URL('../../../../', import.meta.url)
const program = fileURLToPath(new URL('test/fixtures/faulty.mjs', top))
export const handover = fileURLToPath(new URL('packages/cli/dist/main.js', top))

/** Limits of the service: short enough for a round and longer than any client request. */
const limits = { readyTimeoutMs: 10_000, drainTimeoutMs: 10_000 }
const lingerMs = 1_500

/** The scenes that are not removed yet. */
export const openScenes = new Set<Scene>()

export class Scene {
  readonly service: Service
  readonly plan: Plan
  /** The folder for the socket files and the PID file only. */
  readonly folder: string
  readonly #top: string
  readonly #release: string
  #isMounted = false

  constructor(plan: Plan) {
    this.plan = plan
    this.#top = mkdtempSync(join(tmpdir(), 'faults-'))
    this.folder = join(this.#top, 'run')
    this.#release = join(this.#top, 'release')
    mkdirSync(this.folder)
    if (plan.reloads.some(({ faults }) => faults.some(({ does }) => does === 'fill-folder'))) this.#mount()
    this.service = new Service(program, this.#start())
    openScenes.add(this)
  }

  get control(): string {
    return join(this.folder, 'control.sock')
  }

  get pidFile(): string {
    return join(this.folder, 'service.pid')
  }

  get isAlone(): boolean {
    return this.plan.setup.runner === 'alone'
  }

  /** The address of the latest process: after a program closes its listener, the next one may use another port. */
  get target(): Target {
    if (this.plan.setup.address === 'unix') return { path: join(this.folder, 'app.sock') }
    return targetOf(this.facts.findLast(({ event }) => event === 'listening')?.addresses?.[0])
  }

  get facts(): readonly Fact[] {
    return this.service.facts
  }

  get files(): string[] {
    return readdirSync(this.folder)
      .filter((name) => !name.startsWith(filling))
      .sort()
  }

  /** Resolves when every worker serves. */
  async ready(): Promise<void> {
    for (const seen = new Set<number>(); seen.size < this.plan.setup.workers; )
      seen.add((await this.service.event((fact) => isReady(fact) && !seen.has(fact.pid))).pid)
    await this.service.event('listening')
  }

  /** Sets the misbehavior of the next process that starts. */
  arm(misbehavior: Misbehavior): void {
    writeFileSync(this.#release, JSON.stringify(misbehavior))
  }

  disarm(): void {
    rmSync(this.#release, { force: true })
  }

  /** The process with this role in the reload after this fact, or undefined if there is none. */
  pidOf(role: Role, afterIndex: number): number | undefined {
    const { facts } = this
    const runs = (fact: Fact | undefined) => (fact && isRunning(fact.pid) ? fact.pid : undefined)
    const since = facts.filter(({ index }) => index > afterIndex)
    switch (role) {
      case 'supervisor':
        return isRunning(this.service.pid) ? this.service.pid : undefined
      case 'successor':
        return runs(since.findLast(({ event }) => event === 'started'))
      case 'predecessor':
        return (
          runs(since.findLast((fact) => fact.state === 'handing-over' || isHandedOver(fact))) ?? this.#owner
        )
      case 'worker':
        return runs(facts.findLast((fact) => isReady(fact) && isRunning(fact.pid)))
    }
  }

  /** The process that receives reload signals. */
  get owner(): number | undefined {
    return this.isAlone ? this.#owner : this.pidOf('supervisor', -1)
  }

  /** Fills the folder, so that no file can be created in it. */
  fill(): boolean {
    if (!this.#isMounted) return false
    try {
      for (let n = 0; n < 1_000; n++) writeFileSync(join(this.folder, `${filling}${n}`), '')
      return false
    } catch {
      return true
    }
  }

  empty(): void {
    for (const name of readdirSync(this.folder))
      if (name.startsWith(filling)) rmSync(join(this.folder, name), { force: true })
  }

  /** Kills the remaining processes and removes all files. */
  async remove(): Promise<void> {
    openScenes.delete(this)
    await this.service.stop()
    // A killed process may keep a file open for a moment.
    if (this.#isMounted) execFileSync('umount', ['--lazy', this.folder])
    rmSync(this.#top, { recursive: true, force: true })
  }

  get #owner(): number | undefined {
    return this.facts.findLast((fact) => isReady(fact) && !fact.onProbation && isRunning(fact.pid))?.pid
  }

  /** Mounts a small file system, which needs root. Without it, the fault counts as missed. */
  #mount(): void {
    try {
      execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=64k,nr_inodes=24', 'faults', this.folder], {
        stdio: 'ignore',
      })
      chmodSync(this.folder, 0o700)
      this.#isMounted = true
    } catch {
      this.#isMounted = false
    }
  }

  #start(): ConstructorParameters<typeof Service>[1] {
    const { address, probationMs, workers } = this.plan.setup
    const { isAlone, control, pidFile } = this
    const config = {
      listen: address === 'unix' ? { path: join(this.folder, 'app.sock') } : { port: 0, host: '127.0.0.1' },
      graceful: { probationMs, lingerMs, ...limits, ...(isAlone && { control, pidFile }) },
      release: this.#release,
    }
    const run = ['run', '--workers', String(workers), '--control', control, '--pid-file', pidFile]
    return { config, cwd: this.#top, execArgv: isAlone ? [] : [handover, ...run, '--', testNode] }
  }
}

const filling = 'fill-'
