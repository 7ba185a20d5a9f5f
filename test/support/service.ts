import { type ChildProcess, spawn } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import type { Target } from '@handover/load'
import { onTestFailed, onTestFinished } from 'vitest'
import { type Generation, isHandedOver, isReady, servingOf } from './generations.js'
import { descendantsOf, ended, isRunning, processesWith } from './processes.js'
import {
  type Address,
  type Fact,
  LIMIT_MS,
  type Match,
  type ReadLine,
  Story,
  type WaitOptions,
} from './story.js'

export type { Generation } from './generations.js'
export type { Address, Fact, Match, WaitOptions } from './story.js'

/** The configuration of the fixtures in `test/fixtures`. */
export interface FixtureConfig {
  readonly listen?: object | readonly object[]
  readonly graceful?: object
  readonly metrics?: boolean
  readonly tls?: boolean
  /** The package of the framework. Default: the latest supported version. */
  readonly framework?: string
  /** Additional headers for every response. */
  readonly headers?: Readonly<Record<string, string>>
  /** Hooks that run in order after the drain. Each one prints a `hook` fact. */
  readonly hooks?: readonly { readonly name: string; readonly ms: number }[]
  /** The path of a file that sets how the release behaves: see `test/fixtures/release.mjs`. */
  readonly release?: string
  readonly [more: string]: unknown
}

export interface ServiceOptions {
  /** The first argument of the program, as JSON. */
  readonly config?: FixtureConfig
  /** Additional arguments. */
  readonly args?: readonly string[]
  /** Added to the environment of the test. `undefined` removes a variable. */
  readonly env?: Readonly<Record<string, string | undefined>>
  /** The Node that runs the service. Default: `HANDOVER_TEST_NODE`, or the Node of the test. */
  readonly node?: string
  readonly cwd?: string
  /** Descriptors of the test that the first process gets, starting at 3. */
  readonly fds?: readonly number[]
  /** Shell commands such as `cd current &&` or `NAME=value`. The shell runs them, then execs the program. */
  readonly shell?: string
  readonly execArgv?: readonly string[]
  /** Reads facts from the lines of the output, for a program that is not a fixture and gets no configuration. */
  readonly readLine?: ReadLine
  /** Unless this is `allowed`, the test fails if any process besides the serving generation still runs at its end. */
  readonly leftOvers?: 'refused' | 'allowed'
}

/** How a process ended. A process that is not a child of the test has neither `code` nor `signal`. */
export interface Exit {
  readonly pid: number
  readonly code?: number
  readonly signal?: NodeJS.Signals
}

/** The Node under test. */
export const testNode = process.env.HANDOVER_TEST_NODE ?? process.execPath

/** An environment variable that every process of a service inherits. */
const MARK = 'TEST_SERVICE'
const LEFT_OVER_LIMIT_MS = LIMIT_MS
const fixtures = new URL('../fixtures/', import.meta.url)

/** Starts a fixture (its file name, or the absolute path of a program) and waits until it is ready. */
export async function startService(fixture: string, options: ServiceOptions = {}): Promise<Service> {
  const service = launchService(fixture, options)
  await Promise.all([service.event('listening'), service.event(isReady)])
  return service
}

/** Starts a service like `startService`, but does not wait for it. */
export function launchService(fixture: string, options: ServiceOptions = {}): Service {
  const service = new Service(fileURLToPath(new URL(fixture, fixtures)), options)
  onTestFailed(() => console.error(`${fixture} printed:\n${service.output}`))
  onTestFinished(async () => {
    const leftOvers = options.leftOvers === 'allowed' ? [] : await service.leftOvers()
    await service.stop()
    if (leftOvers.length > 0) {
      throw new Error(`processes left over after the test: ${leftOvers.join(', ')}\n${service.output}`)
    }
  })
  return service
}

/** A service under test: its first process and all later generations. */
export class Service {
  /** The pid of the first generation. */
  readonly pid: number
  readonly #id = randomUUID()
  readonly #story: Story
  readonly #child: ChildProcess
  readonly #exited: Promise<Exit>

  constructor(program: string, options: ServiceOptions) {
    const {
      config = {},
      args = [],
      env,
      node = testNode,
      cwd,
      execArgv = [],
      fds = [],
      shell = '',
      readLine,
    } = options
    const command = [node, ...execArgv, program, ...(readLine ? [] : [JSON.stringify(config)]), ...args]
    // One pipe for both streams: what a process prints arrives in the order in which it was printed.
    this.#child = spawn('/bin/sh', ['-c', `${shell} exec "$0" "$@" 2>&1`, ...command], {
      cwd,
      env: { ...process.env, ...env, [MARK]: this.#id },
      stdio: ['ignore', 'pipe', 'ignore', ...fds],
    })
    this.pid = this.#child.pid ?? 0
    this.#story = new Story(readLine)
    this.#exited = exitOfChild(this.#child)
    this.#listen()
  }

  /** All facts that the service has printed so far. */
  get facts(): readonly Fact[] {
    return this.#story.facts
  }

  /** The index of the latest fact, for `afterIndex`. */
  get lastIndex(): number {
    return this.facts.length - 1
  }

  /** The output of all processes, from standard output and standard error. */
  get output(): string {
    return this.#story.output
  }

  /** The first address of the first generation. */
  get target(): Target {
    return this.targets[0] ?? targetOf(undefined)
  }

  /** All addresses of the first generation. */
  get targets(): Target[] {
    return (this.facts.find(({ event }) => event === 'listening')?.addresses ?? []).map(targetOf)
  }

  /** The serving generation: the latest that was ready and whose predecessor is draining or has ended. */
  get serving(): Generation {
    const generation = servingOf(this.facts, isRunning)
    if (!generation) throw new Error(`no generation was ready\n${this.output}`)
    return generation
  }

  event(match: Match, options?: WaitOptions): Promise<Fact> {
    return this.#story.wait(match, options)
  }

  /** The first matching line on either stream, whether it was printed already or comes later. */
  line(pattern: RegExp, limitMs?: number): Promise<string> {
    return this.#story.line(pattern, limitMs)
  }

  /** Signals the serving generation, or another process of the service. */
  signal(signal: NodeJS.Signals, pid = this.serving.pid): void {
    if (!this.processes().includes(pid)) throw new Error(`${pid} is not a process of this service`)
    process.kill(pid, signal)
  }

  /** Sends SIGHUP and resolves when the successor is ready and proven. Rejects when the reload fails. */
  async reload(): Promise<{ from: Generation; to: Generation }> {
    const from = this.serving
    const afterIndex = this.lastIndex
    this.signal('SIGHUP', from.pid)
    const isOutcome = (fact: Fact) =>
      fact.pid === from.pid && (isHandedOver(fact) || fact.event === 'reload-failed')
    const outcome = await this.event(isOutcome, { afterIndex })
    if (!isHandedOver(outcome)) throw new Error(`the reload failed: ${outcome.code} ${outcome.message}`)
    const isSuccessor = (fact: Fact) => isReady(fact) && fact.pid !== from.pid
    const { pid, generation = 0 } = await this.event(isSuccessor, { afterIndex })
    return { from, to: { pid, generation } }
  }

  /** Resolves when the process has ended and the test has read its output. A zombie counts as ended. */
  async exitOf(pid: number, limitMs = LIMIT_MS): Promise<Exit> {
    if (!(await ended(pid, limitMs))) throw new Error(`${pid} still runs after ${limitMs} ms\n${this.output}`)
    // The pipe holds the last lines: the event loop reads it before the second turn.
    for (let turns = 0; turns < 2; turns++) await nextTurn()
    return pid === this.pid ? this.#exited : { pid }
  }

  /**
   * Every running process of the service, including sub-processes. The list comes from the kernel:
   * the output of a program must never decide which process gets a signal.
   */
  processes(): number[] {
    const marked = processesWith(MARK, this.#id)
    return [...new Set([...marked, ...marked.flatMap(descendantsOf)])].filter((pid) => isRunning(pid))
  }

  /** The processes besides the serving generation that do not end by themselves. */
  async leftOvers(limitMs = LEFT_OVER_LIMIT_MS): Promise<number[]> {
    const kept = () => servingOf(this.facts, isRunning)?.pid ?? this.pid
    const all = this.processes()
    const serving = kept()
    await Promise.all(all.filter((pid) => pid !== serving).map((pid) => ended(pid, limitMs)))
    // After a kill it takes a moment until the facts and the kernel show which generation serves.
    return all.filter((pid) => pid !== kept() && isRunning(pid))
  }

  /** Kills every process that still runs and waits until it has ended. */
  async stop(): Promise<void> {
    for (let pids = this.processes(); pids.length > 0; pids = this.processes()) {
      for (const pid of pids) kill(pid)
      await Promise.all(pids.map((pid) => this.exitOf(pid)))
    }
  }

  #listen(): void {
    this.#child.stdout?.setEncoding('utf8').on('data', this.#story.stream())
    this.#child.on('error', (error) => this.#story.end(error.message))
    // All generations share the pipe, so `close` follows the end of the last process that has it open.
    this.#child.on('close', () => this.#story.end('all processes have ended'))
  }
}

/** The address to connect to, from a fixture's `listening` fact. */
export function targetOf(address: Address | undefined): Target {
  if (typeof address === 'string') return { path: address }
  if (address) return { host: address.address, port: address.port }
  throw new Error('the service does not listen there')
}

function exitOfChild(child: ChildProcess): Promise<Exit> {
  const pid = child.pid ?? 0
  return new Promise((resolve) => {
    child.on('error', () => resolve({ pid }))
    child.on('exit', (code, signal) => {
      resolve({ pid, ...(code !== null && { code }), ...(signal && { signal }) })
    })
  })
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch {
    // The process has already ended.
  }
}
