/** The load for two services that are compared, each from a process of its own. */
import type { LoadCount, LoadOrder } from './load.js'
import { LoadProcess } from './load-process.js'

export type Both<T> = readonly [T, T]

type Order = Omit<LoadOrder, 'port'>

/** Requests per second of each. */
type Rates = Promise<Both<number>>

export class PairLoad {
  readonly #loads: Both<LoadProcess>

  constructor(core: number | undefined) {
    this.#loads = [new LoadProcess(core), new LoadProcess(core)]
  }

  /**
   * Both at the same time, for services that have one core between them. The system gives both an equal share of every
   * few milliseconds, so that whatever slows the core down slows both down: one after the other, even by turns of a
   * tenth of a second, two equal programs differ by more than what is looked for.
   */
  async abreast(ports: Both<number>, order: Order): Rates {
    return Promise.all([this.#run(0, ports, order), this.#run(1, ports, order)]).then(
      ([one, other]) => [rateOf([one]), rateOf([other])] as const,
    )
  }

  /** A B B A, for services that need the whole machine: half of the time in each turn. */
  async byTurns(ports: Both<number>, { ms, ...order }: Order): Rates {
    const counts: Both<LoadCount[]> = [[], []]
    for (const i of [0, 1, 1, 0] as const) {
      counts[i].push(await this.#run(i, ports, { ...order, ms: ms / 2 }))
    }
    return [rateOf(counts[0]), rateOf(counts[1])]
  }

  stop(): void {
    for (const load of this.#loads) load.stop()
  }

  #run(i: 0 | 1, ports: Both<number>, order: Order): Promise<LoadCount> {
    return this.#loads[i].run({ port: ports[i], ...order })
  }
}

function rateOf(counts: readonly LoadCount[]): number {
  const sum = (figure: keyof LoadCount) => counts.reduce((total, count) => total + count[figure], 0)
  return (1000 * sum('requests')) / sum('ms')
}
