/** Changes the number of workers: new ones start, or some hand their connections to the others, drain and exit. */
import {
  errorFrom,
  type FinalReport,
  HandoverError,
  type Logger,
  type ScaleSummary,
  timeout,
} from '@handover/core/supervision'
import { Slot } from '../supervisor/slot.js'
import type { Supervisor } from '../supervisor/supervisor.js'
import type { Worker } from '../supervisor/worker.js'
import type { Rebalancer } from './rebalancer.js'
import { whyNotServing } from './serving.js'

/** How long a worker that leaves may take to hand over its connections. Then it drains with those it still has. */
const emptyMs = 10_000

export interface ScalingParts {
  readonly supervisor: Supervisor
  readonly rebalancer: Pick<Rebalancer, 'empty'>
  readonly logger: Logger
}

export class Scaling {
  /**
   * Resolves when all new workers serve, or when the leaving ones have begun to drain. Errors:
   * `ERR_HANDOVER_SUCCESSOR_EXITED` if a new worker does not become ready; the number of workers is then as before.
   */
  readonly changed: Promise<void>
  /** Resolves when the leaving workers have also exited. Errors: as `changed`. */
  readonly drained: Promise<ScaleSummary>
  readonly #workers: number
  readonly #parts: ScalingParts
  readonly #leaving = new Set<Worker>()
  #before = 0
  #moved = 0

  constructor(workers: number, parts: ScalingParts) {
    this.#workers = workers
    this.#parts = parts
    this.changed = this.#run()
    this.drained = this.changed.then(() => this.#summary())
    // `changed` rejects with the same error, and the caller handles that.
    this.drained.catch(() => {})
  }

  isLeaving(worker: Worker): boolean {
    return this.#leaving.has(worker)
  }

  async #run(): Promise<void> {
    const { supervisor, logger } = this.#parts
    await supervisor.started
    this.#refuseDuringStop()
    const before = supervisor.slots.length
    const workers = this.#workers
    this.#before = before
    if (workers === before) return
    logger.info({ before, workers }, `changing the number of workers from ${before} to ${workers}`)
    if (workers > before) await this.#add(workers - before)
    else await this.#remove(before - workers)
    logger.info({ workers }, `the number of workers is now ${workers}`)
  }

  async #add(count: number): Promise<void> {
    const { supervisor } = this.#parts
    const { slots } = supervisor
    // New workers count as members of the generation that serves now.
    const generation = Math.max(...slots.map((slot) => slot.generation)) - 1
    // The supervisor replaces workers only in its own slots: one that fails here is not started again.
    const added = Array.from({ length: count }, () => Object.assign(new Slot(), { generation }))
    try {
      const started = added.map((slot) => supervisor.startIn(slot))
      await Promise.all(started.map(untilServing))
      // A worker may have exited while another one was still starting.
      await Promise.all(started.map(untilServing))
      this.#refuseDuringStop()
    } catch (error) {
      throw await this.#fail(error as Error, added)
    }
    slots.push(...added)
    for (const worker of supervisor.workers) worker.send({ type: 'rebalance' })
  }

  /** Ends the new workers. Resolves with the error of the scaling. */
  async #fail(error: Error, added: readonly Slot[]): Promise<Error> {
    const { supervisor, logger } = this.#parts
    await this.#end(added.flatMap(({ worker }) => worker ?? []))
    if (supervisor.isStopping) return shuttingDown()
    const { message, cause } = error
    const what = `The number of workers is still ${this.#before}, because a new one failed: ${message}`
    logger.error({}, `scaling failed: ${what}`)
    return new HandoverError('ERR_HANDOVER_SUCCESSOR_EXITED', what, {}, cause)
  }

  async #remove(count: number): Promise<void> {
    const { slots } = this.#parts.supervisor
    // Workers that do not serve, such as those that crash again and again, leave first; then the latest ones.
    const byNeed = [...slots].sort((one, other) => Number(serves(other)) - Number(serves(one)))
    const leaving = new Set(byNeed.slice(-count))
    slots.splice(0, slots.length, ...slots.filter((slot) => !leaving.has(slot)))
    for (const { timer } of leaving) clearTimeout(timer)
    await this.#end([...leaving].flatMap(({ worker }) => worker ?? []))
  }

  /** The workers hand over their connections, one after another, and begin to drain. */
  async #end(workers: readonly Worker[]): Promise<void> {
    const { supervisor, rebalancer } = this.#parts
    for (const worker of workers) this.#leaving.add(worker)
    for (const worker of workers) {
      const others = supervisor.slots.flatMap((slot) => (serves(slot) && slot.worker) || [])
      const moving = rebalancer.empty(worker, others, (count) => {
        this.#moved += count
      })
      await timeout(emptyMs, moving).catch(() => {})
      void worker.end()
    }
  }

  async #summary(): Promise<ScaleSummary> {
    const leaving = [...this.#leaving]
    await Promise.all(leaving.map(({ exited }) => exited))
    const reports = leaving.flatMap(({ report }): FinalReport[] => (report ? [report] : []))
    return { before: this.#before, workers: this.#workers, moved: this.#moved, reports }
  }

  #refuseDuringStop(): void {
    if (this.#parts.supervisor.isStopping) throw shuttingDown()
  }
}

const serves = ({ worker }: Slot): boolean => worker?.ownsService === true

/** Errors: the reason why the worker has exited before it served. */
async function untilServing(worker: Worker): Promise<void> {
  const why = await whyNotServing(worker)
  if (why === undefined) return
  const { reportedError } = worker
  throw new Error(`${why}.`, reportedError && { cause: errorFrom(reportedError) })
}

const shuttingDown = (): HandoverError =>
  new HandoverError(
    'ERR_HANDOVER_DRAINING',
    'The service is shutting down: its number of workers cannot change.',
  )
