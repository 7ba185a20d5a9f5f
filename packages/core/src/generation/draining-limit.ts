import type { GenerationStatus } from '../protocol/control-messages.js'
import type { SharedParts } from './shared-parts.js'

export interface DrainingLimitParts
  extends Pick<SharedParts, 'self' | 'logger' | 'machine' | 'predecessor' | 'isRunning'> {
  readonly maxDraining: () => number
}

export class DrainingLimit {
  readonly #parts: DrainingLimitParts
  /** Generations that got the request to end. The log names each one once. */
  readonly #asked = new Set<number>()

  constructor(parts: DrainingLimitParts) {
    this.#parts = parts
  }

  /** `draining`: the generations that drain, the latest first, as the predecessor reports once a second. */
  consider(draining: readonly GenerationStatus[]): void {
    const { machine, logger, predecessor, isRunning } = this.#parts
    // Its successor counts them.
    if (machine.isEnding) return
    const maxDraining = this.#parts.maxDraining()
    const running = draining.filter(({ pid }) => isRunning(pid))
    const oldest = running.at(-1)
    if (!oldest || running.length <= maxDraining) return
    const { generation, pid } = oldest
    if (!this.#asked.has(generation)) {
      logger.warn(
        { generation, pid, maxDraining },
        `${running.length} generations drain, more than maxDraining (${maxDraining}): ending the drain of ` +
          `generation ${generation} (process ${pid}) now`,
      )
    }
    this.#asked.add(generation)
    void predecessor()?.say({ type: 'end-drain', generation })
  }

  /** Handles a request of a later generation, for this generation or an earlier one. */
  onEndDrain(generation: number): void {
    const { self, machine, logger, predecessor } = this.#parts
    const { number } = self
    const { state } = machine
    if (state.name !== 'draining') return
    if (generation < number) {
      void predecessor()?.say({ type: 'end-drain', generation })
      return
    }
    if (generation > number || state.drain.wasCutShort) return
    logger.warn({}, 'too many later generations drain (maxDraining): cutting the drain short')
    state.drain.cutShort('max-draining')
  }
}
