import type { AddressInfo } from 'node:net'

/** One event that a fixture printed as a line. Its details depend on the event: see `test/fixtures/story.mjs`. */
export interface Fact {
  readonly index: number
  readonly event: string
  readonly pid: number
  readonly generation?: number
  /** In a `state` fact. */
  readonly state?: string
  readonly because?: string
  /** In a `listening` fact. */
  readonly addresses?: readonly Address[]
  readonly metrics?: Address
  /** In a `reload-failed` fact. */
  readonly code?: string
  readonly message?: string
  /** In a `report` fact. */
  readonly report?: Readonly<Record<string, unknown>>
  readonly [detail: string]: unknown
}

export type Address = AddressInfo | string | null

/** The name of an event, or a predicate. */
export type Match = string | ((fact: Fact) => boolean)

export interface WaitOptions {
  /** Only facts with a greater index match. */
  readonly afterIndex?: number
  readonly limitMs?: number
}

/** Reads a fact from a line. Lines without a fact only count as output. */
export type ReadLine = (line: string) => Omit<Fact, 'index'> | undefined

interface Waiter {
  /** Called when the service has printed something. */
  readonly look: () => void
  readonly over: (why: string) => void
}

export const LIMIT_MS = 20_000
const MAX_OUTPUT_CHARS = 1024 * 1024

/** Everything that the processes of a service printed, and the facts in it. */
export class Story {
  readonly facts: Fact[] = []
  readonly #waiters = new Set<Waiter>()
  readonly #readLine: ReadLine
  #output = ''
  #over: string | undefined

  constructor(readLine: ReadLine = readFact) {
    this.#readLine = readLine
  }

  /** The output, or its end if it is very long. */
  get output(): string {
    return this.#output
  }

  /** Returns a function that reads the chunks of one stream: facts and other lines. */
  stream(): (text: string) => void {
    let rest = ''
    return (text) => {
      this.print(text)
      const lines = (rest + text).split('\n')
      rest = lines.pop() ?? ''
      for (const line of lines) this.#read(line)
      this.#look()
    }
  }

  /** Adds output without facts. */
  print(text: string): void {
    this.#output = (this.#output + text).slice(-MAX_OUTPUT_CHARS)
    this.#look()
  }

  /** Rejects all pending waits: no process is left that could print. */
  end(why: string): void {
    this.#over = why
    for (const waiter of this.#waiters) waiter.over(why)
  }

  /** Waits for the first matching fact. Rejects with the output on timeout or when all processes have ended. */
  wait(match: Match, { afterIndex = -1, limitMs = LIMIT_MS }: WaitOptions = {}): Promise<Fact> {
    const matches = (fact: Fact) =>
      fact.index > afterIndex && (typeof match === 'string' ? fact.event === match : match(fact))
    return this.#first(() => this.facts.find(matches), `${describe(match)} was not printed`, limitMs)
  }

  /** Waits for the first matching line. Rejects as `wait` does. */
  line(pattern: RegExp, limitMs = LIMIT_MS): Promise<string> {
    const matching = () => this.#output.split('\n').find((line) => pattern.test(line))
    return this.#first(matching, `${pattern} was not printed`, limitMs)
  }

  async #first<T>(find: () => T | undefined, otherwise: string, limitMs: number): Promise<T> {
    const found = find()
    if (found !== undefined) return found
    const refuse = (why: string) => new Error(`${otherwise}: ${why}\n${this.#output}`)
    if (this.#over !== undefined) throw refuse(this.#over)
    return new Promise((resolve, reject) => {
      const settle = (answer: () => void) => {
        clearTimeout(timer)
        this.#waiters.delete(waiter)
        answer()
      }
      const look = () => {
        const come = find()
        if (come !== undefined) settle(() => resolve(come))
      }
      const waiter = { look, over: (why: string) => settle(() => reject(refuse(why))) }
      const timer = setTimeout(() => waiter.over(`timed out after ${limitMs} ms`), limitMs)
      this.#waiters.add(waiter)
    })
  }

  #read(line: string): void {
    const told = this.#readLine(line)
    if (told) this.facts.push({ ...told, index: this.facts.length } as Fact)
  }

  #look(): void {
    for (const waiter of this.#waiters) waiter.look()
  }
}

/** Reads a line of a fixture: see `test/fixtures/story.mjs`. */
function readFact(line: string): Omit<Fact, 'index'> | undefined {
  try {
    const told = JSON.parse(line)
    return typeof told?.event === 'string' && typeof told.pid === 'number' ? told : undefined
  } catch {
    return undefined
  }
}

function describe(match: Match): string {
  return typeof match === 'string' ? `"${match}"` : String(match)
}
