/**
 * Two services on one core at the same time, each under a load that never pauses. The system gives both an equal share
 * of every few milliseconds, so that whatever slows the core down slows both down: one after the other, even by turns
 * of a tenth of a second, two equal programs differ by more than what is looked for.
 */
import type { LoadOrder } from './load.js'
import { LoadProcess } from './load-process.js'

export type Both<T> = readonly [T, T]

export class AbreastLoad {
  readonly #loads: Both<LoadProcess>

  constructor(core: number | undefined) {
    this.#loads = [new LoadProcess(core), new LoadProcess(core)]
  }

  /** Resolves with the requests per second of each. */
  async run(ports: Both<number>, order: Omit<LoadOrder, 'port'>): Promise<Both<number>> {
    const one = async (i: 0 | 1) => {
      const { requests, ms } = await this.#loads[i].run({ port: ports[i], ...order })
      return (1000 * requests) / ms
    }
    return Promise.all([one(0), one(1)])
  }

  stop(): void {
    for (const load of this.#loads) load.stop()
  }
}
