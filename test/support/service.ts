import { type ChildProcess, spawn } from 'node:child_process'
import { randomUUID } from 'node:crypto'
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

/** What the fixtures of `test/fixtures` are told. */
export interface FixtureConfig {
  readonly listen?: object | readonly object[]
  readonly graceful?: object
  readonly metrics?: boolean
  readonly tls?: boolean
  /** The package of the framework; the latest that is supported when not given. */
  readonly framework?: string
  /** More headers on every answer. */
  readonly headers?: Readonly<Record<string, string>>
  /** What runs when all has drained, in order; each is told as `hook`. */
  readonly hooks?: readonly { readonly name: string; readonly ms: number }[]
  /** The path of a file that says how the release behaves: see `test/fixtures/release.mjs`. */
  readonly release?: string
  readonly [more: string]: unknown
}

export interface ServiceOptions {
  /** The first argument, as JSON. */
  readonly config?: FixtureConfig
  /** More arguments. */
  readonly args?: readonly string[]
  /** Beside the environment of the test; `undefined` takes a variable away. */
  readonly env?: Readonly<Record<string, string | undefined>>
  /** The Node that runs it; `HANDOVER_TEST_NODE` or that of the test when not given. */
  readonly node?: string
  readonly cwd?: string
  /** Descriptors of the test that the first process gets, from 3 on. */
  readonly fds?: readonly number[]
  /** What a shell does first, like `cd current &&` or `NAME=value`; then it becomes the program. */
  readonly shell?: string
  readonly execArgv?: readonly string[]
  /** How lines of both streams tell facts; for a program that is no fixture, and gets no configuration. */
  readonly readLine?: ReadLine
  /** When the test is over, only the serving generation may run, unless this says `allowed`. */
  readonly leftOvers?: 'refused' | 'allowed'
}

/** How a process ended; of one that is not a child of the test, only that it did. */
export interface Exit {
  readonly pid: number
  readonly code?: number
  readonly signal?: NodeJS.Signals
}

/** The Node that runs what is tested. */
export const testNode = process.env.HANDOVER_TEST_NODE ?? process.execPath

/** Every process of a service inherits it in its environment, whoever started it. */
const MARK = 'TEST_SERVICE'
const LEFT_OVER_LIMIT_MS = 5000
const fixtures = new URL('../fixtures/', import.meta.url)

/** Starts a fixture (its file name, or the absolute path of a program) and waits until it is ready. */
export async function startService(fixture: string, options: ServiceOptions = {}): Promise<Service> {
  const service = launchService(fixture, options)
  await Promise.all([service.event('listening'), service.event(isReady)])
  return service
}

/** As `startService`, without waiting for anything. */
export function launchService(fixture: string, options: ServiceOptions = {}): Service {
  const service = new Service(fileURLToPath(new URL(fixture, fixtures)), options)
  onTestFailed(() => console.error(`${fixture} printed:\n${service.output}`))
  onTestFinished(async () => {
    const leftOvers = options.leftOvers === 'allowed' ? [] : await service.leftOvers()
    await service.stop()
    if (leftOvers.length > 0) {
      throw new Error(`left over when the test was over: ${leftOvers.join(', ')}\n${service.output}`)
    }
  })
  return service
}

/** A service under test: the process that was started, and all generations after it. */
export class Service {
  /** Of the first generation. */
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
      shell,
      readLine,
    } = options
    const command = [node, ...execArgv, program, ...(readLine ? [] : [JSON.stringify(config)]), ...args]
    const [file = '', ...rest] =
      shell === undefined ? command : ['/bin/sh', '-c', `${shell} exec "$0" "$@"`, ...command]
    this.#child = spawn(file, rest, {
      cwd,
      env: { ...process.env, ...env, [MARK]: this.#id },
      stdio: ['ignore', 'pipe', 'pipe', ...fds],
    })
    this.pid = this.#child.pid ?? 0
    this.#story = new Story(readLine)
    this.#exited = exitOfChild(this.#child)
    this.#listen(readLine !== undefined)
  }

  /** Everything that was told up to now. */
  get facts(): readonly Fact[] {
    return this.#story.facts
  }

  /** Of the fact that was told last, for `afterIndex`. */
  get lastIndex(): number {
    return this.facts.length - 1
  }

  /** What all processes printed, both streams. */
  get output(): string {
    return this.#story.output
  }

  /** Where the first generation listened first. */
  get target(): Target {
    return this.targets[0] ?? targetOf(undefined)
  }

  /** Everywhere that the first generation listened. */
  get targets(): Target[] {
    return (this.facts.find(({ event }) => event === 'listening')?.addresses ?? []).map(targetOf)
  }

  /** The generation that serves: the latest that was ready and whose predecessor left or is leaving. */
  get serving(): Generation {
    const generation = servingOf(this.facts, isRunning)
    if (!generation) throw new Error(`no generation was ready\n${this.output}`)
    return generation
  }

  event(match: Match, options?: WaitOptions): Promise<Fact> {
    return this.#story.wait(match, options)
  }

  /** The first line that any process printed, on either stream, and that matches: printed already or to come. */
  line(pattern: RegExp, limitMs?: number): Promise<string> {
    return this.#story.line(pattern, limitMs)
  }

  /** To the serving generation, or to another process of the service. */
  signal(signal: NodeJS.Signals, pid = this.serving.pid): void {
    if (!this.processes().includes(pid)) throw new Error(`${pid} is no process of this service`)
    process.kill(pid, signal)
  }

  /** Sends SIGHUP, and resolves when the successor is ready and proven. Rejects when the reload failed. */
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

  /** Resolves when the process is gone: reaped or a zombie. */
  async exitOf(pid: number, limitMs = LIMIT_MS): Promise<Exit> {
    if (!(await ended(pid, limitMs))) throw new Error(`${pid} still runs after ${limitMs} ms\n${this.output}`)
    return pid === this.pid ? this.#exited : { pid }
  }

  /**
   * Every process of it that runs, sub-processes too. The kernel says which: what a line of output says must
   * never decide who gets a signal.
   */
  processes(): number[] {
    const marked = processesWith(MARK, this.#id)
    return [...new Set([...marked, ...marked.flatMap(descendantsOf)])].filter((pid) => isRunning(pid))
  }

  /** The processes beside the serving generation that do not end by themselves. */
  async leftOvers(limitMs = LEFT_OVER_LIMIT_MS): Promise<number[]> {
    const kept = () => servingOf(this.facts, isRunning)?.pid ?? this.pid
    const all = this.processes()
    const serving = kept()
    await Promise.all(all.filter((pid) => pid !== serving).map((pid) => ended(pid, limitMs)))
    // Who serves is known when a predecessor that was killed is gone, which takes a moment.
    return all.filter((pid) => pid !== kept() && isRunning(pid))
  }

  /** Kills everything that still runs, and waits until it is gone. */
  async stop(): Promise<void> {
    for (let pids = this.processes(); pids.length > 0; pids = this.processes()) {
      for (const pid of pids) kill(pid)
      await Promise.all(pids.map((pid) => this.exitOf(pid)))
    }
  }

  #listen(errorsTell: boolean): void {
    const { stdout, stderr } = this.#child
    const printed = (text: string) => this.#story.print(text)
    stdout?.setEncoding('utf8').on('data', this.#story.stream())
    stderr?.setEncoding('utf8').on('data', errorsTell ? this.#story.stream() : printed)
    this.#child.on('error', (error) => this.#story.end(error.message))
    // All generations share the two streams: they end with the last process that has them.
    this.#child.on('close', () => this.#story.end('all processes are gone'))
  }
}

/** Where to connect for an address that a fixture told. */
export function targetOf(address: Address | undefined): Target {
  if (typeof address === 'string') return { path: address }
  if (address) return { host: address.address, port: address.port }
  throw new Error('nothing listens there')
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
    // It ended by itself.
  }
}
