/**
 * How many generations may drain at once (`maxDraining`). The generation that serves counts them, as its predecessor
 * reports them. The request to end the oldest drain goes from each generation to the one before it
 * (docs/decisions/0024-the-oldest-drain-ends-first.md).
 */
import type { GenerationStatus } from '../protocol/control-messages.js'
import type { Generation } from './generation.js'

export class DrainingLimit {
  readonly #generation: Generation
  /** Generations that got the request to end. The log names each one once. */
  readonly #asked = new Set<number>()

  constructor(generation: Generation) {
    this.#generation = generation
  }

  /** `draining`: the generations that drain, the latest first, as the predecessor reports once a second. */
  consider(draining: readonly GenerationStatus[]): void {
    const { settings, state, platform, logger, predecessor } = this.#generation
    // Its successor counts them.
    if (state.name === 'draining' || state.name === 'exited') return
    const running = draining.filter(({ pid }) => platform.isRunning(pid))
    const oldest = running.at(-1)
    if (!oldest || running.length <= settings.maxDraining) return
    const { generation, pid } = oldest
    if (!this.#asked.has(generation)) {
      logger.warn(
        { generation, pid, maxDraining: settings.maxDraining },
        `${running.length} generations drain, more than maxDraining (${settings.maxDraining}): ending the drain of ` +
          `generation ${generation} (process ${pid}) now`,
      )
    }
    this.#asked.add(generation)
    void predecessor?.say({ type: 'end-drain', generation })
  }

  /** Handles a request of a later generation, for this generation or an earlier one. */
  onEndDrain(generation: number): void {
    const { number, state, logger, predecessor } = this.#generation
    if (state.name !== 'draining') return
    if (generation < number) {
      void predecessor?.say({ type: 'end-drain', generation })
      return
    }
    if (generation > number || state.drain.wasCutShort) return
    logger.warn({}, 'too many later generations drain (maxDraining): cutting the drain short')
    state.drain.cutShort('max-draining')
  }
}
