/** Limits how many generations drain at a time (`maxDraining`). */
import type { GenerationStatus } from '../protocol/control-messages.js'
import type { StepParts } from './shared-parts.js'

export type DrainingLimitParts = StepParts<'predecessor'>

export class DrainingLimit {
  readonly #parts: DrainingLimitParts
  /** Generations that this one has asked to end their drain. The log names each one once. */
  readonly #requested = new Set<number>()

  constructor(parts: DrainingLimitParts) {
    this.#parts = parts
  }

  /** Handles the report of the predecessor: the generations that drain, the latest first. */
  consider(draining: readonly GenerationStatus[]): void {
    const { machine, logger, settings, predecessor, platform } = this.#parts
    // The successor of this generation counts them.
    if (machine.isEnding) return
    const { maxDraining } = settings()
    const running = draining.filter(({ pid }) => platform.isRunning(pid))
    const oldest = running.at(-1)
    if (!oldest || running.length <= maxDraining) return
    const { generation, pid } = oldest
    if (!this.#requested.has(generation)) {
      logger.warn(
        { oldest: generation, oldestPid: pid, maxDraining },
        `${running.length} generations drain, more than maxDraining (${maxDraining}): ending the drain of ` +
          `generation ${generation} (process ${pid}) now`,
      )
    }
    this.#requested.add(generation)
    void predecessor()?.send({ type: 'end-drain', generation })
  }

  /** Handles the request of a later generation to end the drain of this generation or of an earlier one. */
  onEndDrain(generation: number): void {
    const { self, machine, logger, predecessor } = this.#parts
    const { state } = machine
    if (state.name !== 'draining') return
    if (generation < self.number) void predecessor()?.send({ type: 'end-drain', generation })
    if (generation !== self.number || state.drain.wasCutShort) return
    logger.warn({}, 'too many generations drain (maxDraining): cutting the drain short')
    state.drain.cutShort('max-draining')
  }
}
