/** A program under measurement and all its generations. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import type { GracefulOptions } from '@handover/core'
import { programs } from './packed.js'

export const frameworks = ['http', 'fastify', 'express', 'koa'] as const
export type Framework = (typeof frameworks)[number]
export type Variant = 'plain' | 'graceful' | 'bare'

/** What a program tells: see programs/program.ts. */
export interface Fact {
  readonly event: 'listening' | 'state' | 'usage' | 'drained' | 'passed'
  readonly pid: number
  readonly at: number
  readonly port: number
  readonly state: string
  readonly onProbation: boolean
  readonly generation: number
  readonly cpuMicros: number
  readonly rssBytes: number
  /** Of `drained` and `passed`. */
  readonly ms: number
  readonly moved: number
  readonly closed: number
  readonly lost: number
  readonly longestWaitMs: number
}

export interface StartOptions {
  readonly port?: number
  readonly graceful?: GracefulOptions
  /** The core it shall run on, where the machine has a choice. */
  readonly core?: number | undefined
  /** How many connections `bare` passes on. */
  readonly connections?: number
}

const limitMs = 30_000
const running = new Set<Service>()

/** Ends whatever still runs. */
export function stopAll(): void {
  for (const service of running) service.kill()
}

export class Service {
  readonly facts: Fact[] = []
  /** Of the first generation. */
  readonly pid: number
  /** When the first generation was gone (`performance.now()`). */
  readonly exitedAt: Promise<number>
  readonly #process: ChildProcess
  readonly #waiting = new Set<() => void>()
  #printed = ''

  constructor(framework: Framework, variant: Variant, options: StartOptions = {}) {
    const args = [
      `${programs}/${variant}/${framework}.js`,
      String(options.port ?? 0),
      JSON.stringify(options.graceful ?? {}),
      String(options.connections ?? 0),
    ]
    const [command, ...rest] = pinned(options.core, [process.execPath, ...args])
    // A process group of its own: its number reaches every generation, whatever became of the first.
    this.#process = spawn(command as string, rest, { detached: true, stdio: ['ignore', 'pipe', 'pipe'] })
    this.pid = this.#process.pid as number
    this.exitedAt = new Promise((resolve) => this.#process.once('exit', () => resolve(performance.now())))
    running.add(this)
    this.#read()
  }

  /** The first such fact, told already or to come. */
  async fact(matches: (fact: Fact) => boolean): Promise<Fact> {
    const deadline = setTimeout(() => this.kill(), limitMs)
    try {
      for (;;) {
        const found = this.facts.find(matches)
        if (found) return found
        if (!running.has(this)) throw new Error(`a program has ended too early, or hung:\n${this.#printed}`)
        await new Promise<void>((resolve) => this.#waiting.add(resolve))
      }
    } finally {
      clearTimeout(deadline)
    }
  }

  async port(): Promise<number> {
    return (await this.fact(({ event }) => event === 'listening')).port
  }

  /** Resolves when generation `number` is ready and nobody can take back any more. */
  proven(number: number): Promise<Fact> {
    return this.fact(
      ({ state, onProbation, generation }) => state === 'ready' && !onProbation && generation === number,
    )
  }

  /** Resolves when generation `number` has drained and exits. */
  gone(number: number): Promise<Fact> {
    return this.fact(({ state, generation }) => state === 'exited' && generation === number)
  }

  /** Resolves when generation `number` has drained, with what became of its connections. */
  drained(number: number): Promise<Fact> {
    return this.fact(({ event, generation }) => event === 'drained' && generation === number)
  }

  draining(number: number): Promise<Fact> {
    return this.fact(({ state, generation }) => state === 'draining' && generation === number)
  }

  /** The CPU time of one generation since its start, and its resident memory. */
  async usage(pid = this.pid): Promise<Fact> {
    const before = this.facts.length
    process.kill(pid, 'SIGUSR2')
    return this.fact((fact) => fact.event === 'usage' && this.facts.indexOf(fact) >= before)
  }

  /** Ends every generation, and resolves when they are gone. */
  async stop(): Promise<void> {
    if (!running.has(this)) return
    const closed = once(this.#process, 'close')
    this.kill()
    await closed
  }

  kill(): void {
    try {
      process.kill(-this.pid, 'SIGKILL')
    } catch {
      // All of it has ended by itself.
    }
  }

  #read(): void {
    const { stdout, stderr } = this.#process
    if (!stdout || !stderr) throw new Error('a program was started without its streams')
    createInterface(stdout).on('line', (line) => {
      this.facts.push({ ...JSON.parse(line), at: performance.now() })
      this.#wake()
    })
    stderr.setEncoding('utf8').on('data', (text: string) => {
      this.#printed = (this.#printed + text).slice(-10_000)
    })
    // All generations share the streams: they end with the last one.
    this.#process.once('close', () => {
      running.delete(this)
      this.#wake()
    })
  }

  #wake(): void {
    for (const resolve of this.#waiting) resolve()
    this.#waiting.clear()
  }
}

/** The command, on one core where there is `taskset` and a core to choose. */
export function pinned(core: number | undefined, command: readonly string[]): readonly string[] {
  return core === undefined ? command : ['taskset', '-c', String(core), ...command]
}
