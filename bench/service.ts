/** A measured program with all its generations. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import type { GracefulOptions } from '@handover/core'
import { programs } from './packed.js'

export const frameworks = ['http', 'fastify', 'express', 'koa'] as const
export type Framework = (typeof frameworks)[number]
export type Variant = 'plain' | 'graceful' | 'bare' | 'scale'

/** A fact that a program reports: see programs/program.ts. */
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
  readonly youngBytes: number
  /** The duration in `drained` and `passed`. */
  readonly ms: number
  readonly moved: number
  readonly closed: number
  readonly lost: number
  readonly longestWaitMs: number
}

export interface StartOptions {
  readonly port?: number
  readonly graceful?: GracefulOptions
  /** The core to run on, if the machine has several. */
  readonly core?: number | undefined
  /** Options of Node. */
  readonly execArgv?: readonly string[]
  /** How many connections the `bare` variant passes on. */
  readonly connections?: number
  /** How many listeners and how much state the `scale` variant has. */
  readonly size?: { readonly listeners?: number; readonly stateMiB?: number }
}

/**
 * Options of Node for compared programs. V8 doubles its young generation when enough objects have survived: Koa reached
 * 16 MiB after 40,000 requests with the adapter and after 120,000 without. So all begin with the size at which V8 stops
 * (docs/decisions/0035-koa-is-measured-with-equal-young-generations.md).
 */
export const finalYoungGeneration = ['--min-semi-space-size=16', '--max-semi-space-size=16']

const limitMs = 30_000
const running = new Set<Service>()

/** Kills all services that still run. */
export function stopAll(): void {
  for (const service of running) service.kill()
}

export class Service {
  readonly facts: Fact[] = []
  /** The pid of the first generation. */
  readonly pid: number
  /** When the first generation exited, from `performance.now()`. */
  readonly exitedAt: Promise<number>
  readonly #process: ChildProcess
  readonly #waiting = new Set<() => void>()
  #printed = ''

  constructor(framework: Framework, variant: Variant, options: StartOptions = {}) {
    const args = [
      ...(options.execArgv ?? []),
      `${programs}/${variant}/${framework}.js`,
      String(options.port ?? 0),
      JSON.stringify(options.graceful ?? {}),
      String(options.connections ?? 0),
      JSON.stringify(options.size ?? {}),
    ]
    const [command, ...rest] = pinned(options.core, [process.execPath, ...args])
    // In its own process group, a signal to the group reaches every generation, even after the first has exited.
    this.#process = spawn(command as string, rest, { detached: true, stdio: ['ignore', 'pipe', 'pipe'] })
    this.pid = this.#process.pid as number
    this.exitedAt = new Promise((resolve) => this.#process.once('exit', () => resolve(performance.now())))
    running.add(this)
    this.#read()
  }

  /** The first past or future fact that matches. */
  async fact(matches: (fact: Fact) => boolean): Promise<Fact> {
    const deadline = setTimeout(() => this.kill(), limitMs)
    try {
      for (;;) {
        const found = this.facts.find(matches)
        if (found) return found
        if (!running.has(this)) throw new Error(`the program exited early or hung:\n${this.#printed}`)
        await new Promise<void>((resolve) => this.#waiting.add(resolve))
      }
    } finally {
      clearTimeout(deadline)
    }
  }

  async port(): Promise<number> {
    return (await this.fact(({ event }) => event === 'listening')).port
  }

  /** Resolves when generation `number` is ready and has passed its probation. */
  proven(number: number): Promise<Fact> {
    return this.fact(
      ({ state, onProbation, generation }) => state === 'ready' && !onProbation && generation === number,
    )
  }

  /** Resolves when generation `number` has drained and is about to exit. */
  gone(number: number): Promise<Fact> {
    return this.fact(({ state, generation }) => state === 'exited' && generation === number)
  }

  /** Resolves with the counts of its connections when generation `number` has drained. */
  drained(number: number): Promise<Fact> {
    return this.fact(({ event, generation }) => event === 'drained' && generation === number)
  }

  draining(number: number): Promise<Fact> {
    return this.fact(({ state, generation }) => state === 'draining' && generation === number)
  }

  /** The CPU time of a generation since its start, and its resident memory. */
  async usage(pid = this.pid): Promise<Fact> {
    const before = this.facts.length
    process.kill(pid, 'SIGUSR2')
    return this.fact((fact) => fact.event === 'usage' && this.facts.indexOf(fact) >= before)
  }

  /** Kills all generations and resolves when they have exited. */
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
      // The process group has already exited.
    }
  }

  #read(): void {
    const { stdout, stderr } = this.#process
    if (!stdout || !stderr) throw new Error('the program has no output streams')
    createInterface(stdout).on('line', (line) => {
      this.facts.push({ ...JSON.parse(line), at: performance.now() })
      this.#wake()
    })
    stderr.setEncoding('utf8').on('data', (text: string) => {
      this.#printed = (this.#printed + text).slice(-10_000)
    })
    // All generations share the streams, so they close with the last generation.
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

/** Prefixes a command with `taskset` if a core is given. */
export function pinned(core: number | undefined, command: readonly string[]): readonly string[] {
  return core === undefined ? command : ['taskset', '-c', String(core), ...command]
}
