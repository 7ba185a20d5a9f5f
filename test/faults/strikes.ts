/** Applies the faults of a plan to the processes of a scene. */
import { execFileSync } from 'node:child_process'
import { setTimeout as pause } from 'node:timers/promises'
import { isHandedOver, isReady } from '../support/generations.js'
import { descriptorsOf, ended } from '../support/processes.js'
import type { Fact } from '../support/story.js'
import type { Fault, Moment, Strike } from './plan.js'
import type { Act } from './round-log.js'
import type { Scene } from './scene.js'

/** How long a fault waits for its moment in a reload that another fault may delay. */
const momentLimitMs = 12_000
const arrivalLimitMs = 10_000
const descriptors = 1_024

const moments: Readonly<Record<Exclude<Moment, 'requested'>, (fact: Fact) => boolean>> = {
  started: ({ event }) => event === 'started',
  listening: ({ event }) => event === 'listening',
  probation: (fact) => isReady(fact) && fact.onProbation === true,
  proven: (fact) => isReady(fact) && !fact.onProbation,
  'handed-over': isHandedOver,
  drained: ({ event }) => event === 'report',
}

/** Strikes, and records each strike unless its moment does not come or its process has exited. */
export class Strikes {
  readonly acts: Act[] = []
  /** The faults that did not happen, with reasons. */
  readonly missed: string[] = []
  readonly #scene: Scene
  readonly #stopped = new Set<number>()
  readonly #limited = new Set<number>()

  constructor(scene: Scene) {
    this.#scene = scene
  }

  /** Resolves when the fault has ended. `afterIndex` is the last fact before the reload request. */
  async strike(fault: Exclude<Fault, { does: 'misbehave' }>, afterIndex: number): Promise<void> {
    if (!(await this.#moment(fault.after, afterIndex))) {
      this.missed.push(`${fault.does}: no process was ${fault.after}`)
      return
    }
    await pause(fault.delayMs)
    const pid = 'role' in fault ? this.#scene.pidOf(fault.role, afterIndex) : undefined
    if ('role' in fault && pid === undefined) {
      this.missed.push(`${fault.does}: no ${fault.role} is running`)
      return
    }
    await this.#do(fault, pid ?? 0)
  }

  /** Ends all faults that are still active. */
  lift(): void {
    for (const pid of this.#stopped) this.#signal(pid, 'SIGCONT')
    for (const pid of this.#limited) this.#limit(pid, descriptors)
    this.#stopped.clear()
    this.#limited.clear()
    this.#scene.empty()
    this.#scene.disarm()
  }

  /** Resolves when every signaled process has exited or reported its shutdown. */
  async haveArrived(): Promise<void> {
    for (const { does, pid = 0, afterIndex } of this.acts) {
      if (does === 'kill') await ended(pid, arrivalLimitMs)
      if (does !== 'terminate') continue
      const isAnswer = (fact: Fact) => fact.pid === pid && fact.because === 'shutdown'
      const answer = this.#scene.service.event(isAnswer, { afterIndex, limitMs: arrivalLimitMs })
      await Promise.race([answer.catch(() => {}), ended(pid, arrivalLimitMs)])
    }
  }

  async #moment(after: Moment, afterIndex: number): Promise<boolean> {
    if (after === 'requested') return true
    try {
      // A failed reload never reaches the moment.
      const isOver = (fact: Fact) => moments[after](fact) || fact.event === 'reload-failed'
      const fact = await this.#scene.service.event(isOver, { afterIndex, limitMs: momentLimitMs })
      return moments[after](fact)
    } catch {
      return false
    }
  }

  async #do(fault: Strike, pid: number): Promise<void> {
    switch (fault.does) {
      case 'kill':
        return this.#note(fault, pid, this.#signal(pid, 'SIGKILL'))
      case 'terminate':
        return this.#note(fault, pid, this.#signal(pid, 'SIGTERM'))
      case 'hang-up':
        for (let n = 0; n < fault.times; n++) this.#signal(pid, 'SIGHUP')
        return this.#note(fault, pid, true)
      case 'stop':
        this.#note(fault, pid, this.#signal(pid, 'SIGSTOP'))
        this.#stopped.add(pid)
        await pause(fault.ms)
        this.#stopped.delete(pid)
        this.#signal(pid, 'SIGCONT')
        return
      case 'limit-descriptors':
        this.#note(fault, pid, this.#limit(pid, this.#limitWith(fault.spare, pid)))
        this.#limited.add(pid)
        await pause(fault.ms)
        this.#limited.delete(pid)
        this.#limit(pid, descriptors)
        return
      case 'fill-folder':
        this.#note(fault, undefined, this.#scene.fill())
        await pause(fault.ms)
        this.#scene.empty()
    }
  }

  #note({ does }: Strike, pid: number | undefined, happened: boolean): void {
    if (happened)
      this.acts.push({
        does,
        ...(pid !== undefined && { pid }),
        afterIndex: this.#scene.service.lastIndex,
        at: Date.now(),
      })
    else this.missed.push(`${does}: the operation failed`)
  }

  #signal(pid: number, signal: NodeJS.Signals): boolean {
    try {
      this.#scene.service.signal(signal, pid)
      return true
    } catch {
      return false
    }
  }

  #limit(pid: number, most: number): boolean {
    try {
      execFileSync('prlimit', ['--pid', String(pid), `--nofile=${most}:`], { stdio: 'ignore' })
      return true
    } catch {
      return false
    }
  }

  /** The descriptor limit that leaves `spare` free descriptors. Open descriptors above it stay open. */
  #limitWith(spare: number, pid: number): number {
    try {
      const open = new Set(descriptorsOf(pid).map(({ fd }) => fd))
      const free = Array.from({ length: descriptors }, (_, fd) => fd).filter((fd) => !open.has(fd))
      return free[spare] ?? descriptors
    } catch {
      return descriptors
    }
  }
}
