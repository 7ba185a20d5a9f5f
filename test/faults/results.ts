/** Prints failed rounds and counts all rounds. */
import type { Anomaly } from './oracle.js'
import type { Plan } from './plan.js'
import type { Played } from './round.js'

const progressEvery = 10
const longestDetail = 1_500

export class Results {
  readonly #startedAt = performance.now()
  readonly #verbose: boolean
  /** The rounds that broke a rule, by rule. */
  readonly #broken = new Map<string, number[]>()
  readonly #done = new Map<string, number>()
  #rounds = 0
  #missed = 0
  #longestMs = 0

  constructor(verbose: boolean) {
    this.#verbose = verbose
  }

  get failed(): boolean {
    return this.#broken.size > 0
  }

  add({ log, anomalies, missed, output, ms }: Played): void {
    const own = log.facts.filter(({ event }) => event === 'fault').map(({ how }) => String(how))
    for (const name of [...log.acts.map(({ does }) => does), ...own])
      this.#done.set(name, (this.#done.get(name) ?? 0) + 1)
    this.#missed += missed.length
    this.#longestMs = Math.max(this.#longestMs, ms)
    if (anomalies.length > 0) this.#show(log.plan, anomalies)
    if (this.#verbose)
      console.log(`${output}\n${JSON.stringify({ ...log, facts: log.facts.length }, null, 2)}`)
    this.#count()
  }

  /** Records a failure of the driver itself. */
  addBroken(plan: Plan, error: unknown): void {
    this.#show(plan, [{ rule: 'the driver failed', detail: String((error as Error)?.stack ?? error) }])
    this.#count()
  }

  summary(): string {
    const done = [...this.#done].sort().map(([name, count]) => `${name} ${count}`)
    const broken = [...this.#broken].map(
      ([rule, rounds]) => `  ${rounds.length} × ${rule}: rounds ${rounds.join(', ')}`,
    )
    return [
      `${this.#rounds} rounds in ${this.#seconds} s; the longest took ${Math.round(this.#longestMs / 1_000)} s`,
      `faults: ${done.join(', ')}; ${this.#missed} did not happen`,
      ...(broken.length > 0 ? ['anomalies:', ...broken] : ['no anomaly']),
    ].join('\n')
  }

  get #seconds(): number {
    return Math.round((performance.now() - this.#startedAt) / 1_000)
  }

  #show(plan: Plan, anomalies: readonly Anomaly[]): void {
    console.log(`\nround ${plan.round} failed; replay it with --seed ${plan.seed} --round ${plan.round}`)
    console.log(`  plan: ${JSON.stringify(plan)}`)
    const seen = new Set<string>()
    for (const { rule, detail } of anomalies) {
      if (seen.has(rule)) continue
      seen.add(rule)
      this.#broken.set(rule, [...(this.#broken.get(rule) ?? []), plan.round])
      const times = anomalies.filter((each) => each.rule === rule).length
      console.log(`  ${rule}${times > 1 ? ` (${times} times)` : ''}: ${detail.slice(0, longestDetail)}`)
    }
  }

  #count(): void {
    this.#rounds++
    if (this.#rounds % progressEvery === 0)
      console.log(`${this.#rounds} rounds, ${this.#seconds} s, ${this.#broken.size} kinds of anomalies`)
  }
}
