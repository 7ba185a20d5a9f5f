/** Loads two services to compare them, each from its own process. */
import type { LoadCount, LoadOrder } from './load.js'
import { LoadProcess } from './load-process.js'

export type Both<T> = readonly [T, T]

type Order = Omit<LoadOrder, 'port'>

/** The requests per second of each service. */
type Rates = Promise<Both<number>>

export class PairLoad {
  readonly #loads: Both<LoadProcess>

  constructor(core: number | undefined) {
    this.#loads = [new LoadProcess(core), new LoadProcess(core)]
  }

  /**
   * Loads both services at the same time while they share one core. The scheduler gives both equal shares, so anything
   * that slows down the core affects both. In turns, even of 100 ms, two equal programs differ too much.
   */
  async abreast(ports: Both<number>, order: Order): Rates {
    return Promise.all([this.#run(0, ports, order), this.#run(1, ports, order)]).then(
      ([one, other]) => [rateOf([one]), rateOf([other])] as const,
    )
  }

  /** Loads services that need all cores in turns (A B B A), each turn for half of the time. */
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
