/** One reload of all workers: each worker in turn hands over to its successor. The first failure ends the reload. */
import {
  errorFrom,
  HandoverError,
  type HandoverErrorCode,
  type Logger,
  platform,
  type ReloadResult,
  type ReloadSummary,
  timeout,
} from '@handover/core/supervision'
import type { ReleaseCommand } from '../supervisor/release-command.js'
import type { Slot } from '../supervisor/slot.js'
import type { Worker } from '../supervisor/worker.js'
import type { MessageOf } from '../supervisor/worker-messages.js'
import { ofType } from './of-type.js'
import { whyUnavailable } from './previous-release.js'
import { whyNotServing } from './serving.js'

/** How long a worker may take to begin its reload. */
const answerMs = 5_000

const outcomes = ['reloaded', 'reload-failed'] as const

/** A slot whose worker this reload has replaced. */
interface Replaced {
  readonly slot: Slot
  /** The command that started the worker that was replaced. */
  readonly before: ReleaseCommand | undefined
}

export interface RollingReloadParts {
  readonly slots: readonly Slot[]
  /** Resolves when reloads can begin: the very first worker serves, and the number of workers is not changing. */
  readonly started: Promise<void>
  readonly logger: Logger
  /** Starts a worker that has no predecessor. */
  launch(slot: Slot): void
}

export interface ReloadCause {
  /** A worker that has already begun its reload. */
  readonly first?: Worker
  /** The signal, changed file or schedule that requested the reload. */
  readonly reason?: string
}

export class RollingReload {
  /** Resolves right before the first successor starts. */
  readonly begun: Promise<void>
  /** Errors: those of a reload, with the `reports` of all workers that began to reload, the failed one last. */
  readonly proven: Promise<ReloadSummary>
  /** Resolves when the predecessors have also drained. Errors: as `proven`. */
  readonly drained: Promise<ReloadSummary>
  readonly reason: string | undefined
  readonly #parts: RollingReloadParts
  readonly #withDrains: Promise<ReloadResult>[] = []
  #current: Worker | undefined
  /** While workers return to their previous release: the command for the successor of `#current`. */
  #previous: ReleaseCommand | undefined

  constructor(parts: RollingReloadParts, { first, reason }: ReloadCause) {
    this.#parts = parts
    this.reason = reason
    this.#current = first
    this.begun = parts.started
    this.proven = this.#run(first)
    this.drained = this.proven.then(async () => summary(await Promise.all(this.#withDrains)))
    // `proven` rejects with the same error, and the caller handles that.
    this.drained.catch(() => {})
  }

  isReplacing(worker: Worker): boolean {
    return this.#current === worker
  }

  /** The command that starts the successor of `worker`; `undefined` for the current release. */
  commandFor(worker: Worker): ReleaseCommand | undefined {
    return this.isReplacing(worker) ? this.#previous : undefined
  }

  async #run(first: Worker | undefined): Promise<ReloadSummary> {
    await this.begun
    const { slots, logger } = this.#parts
    const reports: ReloadResult[] = []
    const replaced: Replaced[] = []
    const isLater = ({ worker }: Slot) => Number(worker !== first)
    for (const slot of [...slots].sort((one, other) => isLater(one) - isLater(other))) {
      try {
        const before = slot.worker?.command
        const report = await this.#replace(slot, slot.worker === first)
        if (report) reports.push(report)
        replaced.push({ slot, before })
      } catch (error) {
        throw await this.#fail(error as Error, reports, replaced)
      }
    }
    logger.info({ reports }, `workers on the new release: ${slots.length} of ${slots.length}`)
    return summary(reports)
  }

  /** Logs the failure and restores the previous release. Resolves with the error of the whole reload. */
  async #fail(
    error: Error & { readonly report?: ReloadResult },
    reports: readonly ReloadResult[],
    replaced: readonly Replaced[],
  ): Promise<Error> {
    const { slots, logger } = this.#parts
    const facts = { reports: error.report ? [...reports, error.report] : reports }
    const where = `Workers on the new release: ${replaced.length} of ${slots.length}.`
    logger.error(facts, `the reload failed: ${error.message} ${where}`)
    const restored = await this.#restore(replaced)
    if (restored) error.message += ` ${restored}`
    return Object.assign(error, facts)
  }

  /** Restores the previous release, so that all workers run the same one. Resolves with a description of the result. */
  async #restore(replaced: readonly Replaced[]): Promise<string | undefined> {
    if (replaced.length === 0) return undefined
    const { logger } = this.#parts
    let restored = 0
    try {
      for (const { slot, before } of replaced) {
        this.#previous = previousOf(slot, before)
        await this.#replace(slot, false)
        restored++
      }
      const done = `All workers run the previous release, ${replaced[0]?.before?.pinned.script}.`
      logger.info({ restored }, done)
      return done
    } catch (error) {
      const mixed =
        `Workers on the new release: ${replaced.length - restored}, because the previous one cannot be restored: ` +
        `${(error as Error).message}. Deploy a release that starts, and reload.`
      logger.error({ restored }, mixed)
      return mixed
    }
  }

  async #replace(slot: Slot, hasBegun: boolean): Promise<ReloadResult | undefined> {
    const { worker } = slot
    if (!worker?.ownsService) return this.#startAnew(slot)
    this.#current = worker
    const outcome = worker.waitFor(ofType(...outcomes))
    if (!hasBegun) await this.#requestReload(worker)
    const reported = await unlessHung(worker.reloadMs, worker, outcome)
    // Without an outcome the worker has exited. A successor that it had started continues without it.
    if (!reported) return slot.worker ? this.#untilServing(slot) : this.#startAnew(slot)
    if (reported.type === 'reload-failed') throw failed(reported)
    const { report } = reported
    const withDrain = () => ({ ...report, ...(worker.report && { drain: worker.report.drain }) })
    this.#withDrains.push(worker.exited.then(withDrain))
    return report
  }

  /** Resolves when the worker has begun its reload. Errors: `ERR_HANDOVER_NOT_READY`. */
  async #requestReload(worker: Worker): Promise<void> {
    const answer = worker.waitFor(ofType('start-successor', ...outcomes))
    worker.send({ type: 'reload', before: platform.monotonicMs() + answerMs })
    await unlessHung(answerMs, worker, answer)
  }

  /** For a slot without a serving worker: the new release starts without the pause after a crash. */
  async #startAnew(slot: Slot): Promise<undefined> {
    const { worker } = slot
    await worker?.end()
    // If the pause after a crash has ended in the meantime, another worker has already started.
    if (!slot.worker || slot.worker === worker) this.#parts.launch(slot)
    await this.#untilServing(slot)
  }

  /** Waits for a worker that has no predecessor, or whose predecessor exited during its reload. */
  async #untilServing(slot: Slot): Promise<undefined> {
    const { worker } = slot
    const why = worker ? await whyNotServing(worker) : 'no worker could be started'
    if (why === undefined) return
    throw new HandoverError('ERR_HANDOVER_SUCCESSOR_EXITED', `The new release does not serve: ${why}.`)
  }
}

/** Returns the command that starts the previous release in this slot. Errors: the reason why it cannot start. */
function previousOf({ worker }: Slot, before: ReleaseCommand | undefined): ReleaseCommand {
  if (!before || !worker?.ownsService) throw new Error('its command is unknown')
  const why = whyUnavailable(before.pinned, worker.command.pinned)
  if (why) throw new Error(why)
  return { ...before.pinned, pinned: before.pinned }
}

/** Resolves with the answer, unless the worker hangs. Errors: `ERR_HANDOVER_NOT_READY`. */
function unlessHung<T>(ms: number, { pid }: Worker, answer: Promise<T>): Promise<T> {
  return timeout(ms, answer).catch(() => {
    throw new HandoverError(
      'ERR_HANDOVER_NOT_READY',
      `Worker ${pid} did not respond within ${ms} ms (is its event loop blocked?). Kill it to have it replaced.`,
      { pid },
    )
  })
}

const summary = (reports: readonly ReloadResult[]): ReloadSummary => ({ outcome: 'handed-over', reports })

function failed({ error, report }: MessageOf<'reload-failed'>): HandoverError {
  const { code = 'ERR_HANDOVER_SUCCESSOR_EXITED', message } = error
  const cause = report?.failure?.cause
  return new HandoverError(code as HandoverErrorCode, message, { report }, cause && errorFrom(cause))
}
