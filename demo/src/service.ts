// The service that is deployed: its first process, what all its generations print, and the end of all of them.
import { type ChildProcess, spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { Generations } from './generations.js'
import { Problem } from './problem.js'
import { readLine } from './tellings.js'

/** Of what was printed on standard error, so much is kept to be shown. */
const keptChars = 4_000

interface Waiter {
  readonly look: () => void
  readonly giveUp: (problem: Problem) => void
}

export interface ServiceOptions {
  /** Where it is started, as `node server.mjs`. */
  readonly folder: string
  /** 0 for a free one. */
  readonly port: number
  readonly release: string
}

export class Service {
  readonly generations: Generations
  /** Resolves when no process of it is left; never rejects. */
  readonly ended: Promise<void>
  readonly #child: ChildProcess
  readonly #waiters = new Set<Waiter>()
  #port: number | undefined
  #errors = ''
  #hasEnded = false

  constructor({ folder, port, release }: ServiceOptions) {
    this.generations = new Generations(release)
    this.#child = spawn(process.execPath, ['server.mjs'], {
      cwd: folder,
      // As a shell does that went there: the service learns from it that it was started through a link.
      env: { ...process.env, PWD: folder, PORT: String(port) },
      stdio: ['ignore', 'pipe', 'pipe'],
      // A group of its own, which all generations are in: Ctrl-C is for the demo, which then ends them.
      detached: true,
    })
    this.ended = this.#listen()
  }

  get port(): number | undefined {
    return this.#port
  }

  /** The end of what it printed on standard error. */
  get errors(): string {
    return this.#errors.trim()
  }

  signal(pid: number, signal: NodeJS.Signals): void {
    try {
      process.kill(pid, signal)
    } catch {
      throw new Problem(`Process ${pid} of the service is gone.\n${this.errors}`)
    }
  }

  /**
   * Resolves with the first value that `look` finds: now, or after a line of the service. Rejects with a
   * `Problem` when the service ends, or when `limitMs` is over: then it says `late`.
   */
  async until<T>(look: () => T | undefined, limitMs: number, late: () => string): Promise<T> {
    const found = look()
    if (found !== undefined) return found
    return new Promise((resolve, reject) => {
      const settle = (answer: () => void) => {
        clearTimeout(timer)
        this.#waiters.delete(waiter)
        answer()
      }
      const waiter: Waiter = {
        look() {
          const value = look()
          if (value !== undefined) settle(() => resolve(value))
        },
        giveUp: (problem) => settle(() => reject(problem)),
      }
      const timer = setTimeout(() => waiter.giveUp(new Problem(late())), limitMs)
      this.#waiters.add(waiter)
      if (this.#hasEnded) waiter.giveUp(this.#gone())
    })
  }

  /** Ends every process of it, now. */
  kill(): void {
    const { pid } = this.#child
    if (this.#hasEnded || pid === undefined) return
    try {
      process.kill(-pid, 'SIGKILL')
    } catch {
      // They ended by themselves.
    }
  }

  #listen(): Promise<void> {
    const { stdout, stderr } = this.#child
    if (stdout) createInterface(stdout).on('line', (line) => this.#heard(line))
    stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.#errors = (this.#errors + text).slice(-keptChars)
    })
    return new Promise((resolve) => {
      const end = () => {
        this.#hasEnded = true
        for (const waiter of this.#waiters) waiter.giveUp(this.#gone())
        resolve()
      }
      this.#child.on('error', (error) => {
        this.#errors += error.message
        end()
      })
      // All generations share the two streams: they end with the last process that has them.
      this.#child.on('close', end)
    })
  }

  #heard(line: string): void {
    const telling = readLine(line)
    if (!telling) return
    if (telling.kind === 'listening') this.#port ??= telling.port
    else this.generations.tell(telling)
    for (const waiter of this.#waiters) waiter.look()
  }

  #gone(): Problem {
    return new Problem(`The service has ended.${this.errors && ` It printed:\n${this.errors}`}`)
  }
}
