// Starts the deployed service, reads the output of all its generations and ends them.
import { type ChildProcess, spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { Generations } from './generations.js'
import { readLine } from './log-lines.js'
import { Problem } from './problem.js'

/** How many characters of standard error to keep for error messages. */
const keptChars = 4_000

interface Waiter {
  readonly look: () => void
  readonly giveUp: (problem: Problem) => void
}

export interface ServiceOptions {
  /** The working directory for `node server.mjs`. */
  readonly folder: string
  /** 0 means any free port. */
  readonly port: number
  readonly release: string
}

export class Service {
  readonly generations: Generations
  /** Resolves when all processes of the service have exited; never rejects. */
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
      // A shell sets PWD in the same way. It tells the service that it was started through a link.
      env: { ...process.env, PWD: folder, PORT: String(port) },
      stdio: ['ignore', 'pipe', 'pipe'],
      // Put all generations in their own process group: Ctrl-C only reaches the demo, which then ends them.
      detached: true,
    })
    this.ended = this.#listen()
  }

  get port(): number | undefined {
    return this.#port
  }

  /** The end of its standard error. */
  get errors(): string {
    return this.#errors.trim()
  }

  signal(pid: number, signal: NodeJS.Signals): void {
    try {
      process.kill(pid, signal)
    } catch {
      throw new Problem(`Process ${pid} of the service has exited.\n${this.errors}`)
    }
  }

  /**
   * Resolves with the first value that `look` returns, either now or after a line of the service. Rejects with a
   * `Problem` when the service ends, or with the message of `late` after `limitMs`.
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
      if (this.#hasEnded) waiter.giveUp(this.#hasExited())
    })
  }

  /** Kills every process of the service. */
  kill(): void {
    const { pid } = this.#child
    if (this.#hasEnded || pid === undefined) return
    try {
      process.kill(-pid, 'SIGKILL')
    } catch {
      // All processes have already exited.
    }
  }

  #listen(): Promise<void> {
    const { stdout, stderr } = this.#child
    if (stdout) createInterface(stdout).on('line', (line) => this.#read(line))
    stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.#errors = (this.#errors + text).slice(-keptChars)
    })
    return new Promise((resolve) => {
      const end = () => {
        this.#hasEnded = true
        for (const waiter of this.#waiters) waiter.giveUp(this.#hasExited())
        resolve()
      }
      this.#child.on('error', (error) => {
        this.#errors += error.message
        end()
      })
      // All generations share the two streams, so they close when the last process exits.
      this.#child.on('close', end)
    })
  }

  #read(line: string): void {
    const event = readLine(line)
    if (!event) return
    if (event.kind === 'listening') this.#port ??= event.port
    else this.generations.update(event)
    for (const waiter of this.#waiters) waiter.look()
  }

  #hasExited(): Problem {
    return new Problem(`The service has exited.${this.errors && ` It printed:\n${this.errors}`}`)
  }
}
