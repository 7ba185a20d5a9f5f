/** One reload of all workers: each in turn hands over to its successor, and the first failure ends it. */
import {
  errorFrom,
  type FromWorker,
  HandoverError,
  type HandoverErrorCode,
  type Logger,
  platform,
  type ReloadResult,
  type ReloadSummary,
  within,
} from '@handover/core/supervision'
import type { ReleaseCommand } from '../supervisor/release-command.js'
import type { Slot } from '../supervisor/slot.js'
import type { Worker } from '../supervisor/worker.js'
import { whyEnded } from '../supervisor/worker-exit.js'
import { whyGone } from './previous-release.js'

/** How long a worker may take to begin its reload. */
const answerMs = 5_000

type Outcome = Extract<FromWorker, { type: 'reloaded' | 'reload-failed' }>

/** The previous release of a worker that this reload replaced. */
interface Replaced {
  readonly slot: Slot
  readonly before: ReleaseCommand | undefined
}

export interface RollingReloadParts {
  readonly slots: readonly Slot[]
  /** Resolves when the very first worker serves: a reload can begin then. */
  readonly started: Promise<void>
  readonly logger: Logger
  /** Starts a worker that replaces none. */
  launch(slot: Slot): void
}

export class RollingReload {
  /** Errors: those of a reload; `reports` tells of the workers that were asked, the failed one last. */
  readonly proven: Promise<ReloadSummary>
  /** When those that were replaced have drained, too. */
  readonly drained: Promise<ReloadSummary>
  /** Resolves right before the first successor starts. */
  readonly begun: Promise<void>
  readonly #parts: RollingReloadParts
  readonly #reports: Promise<ReloadResult>[] = []
  #current: Worker | undefined
  /** Starts the successor of `#current`, while workers get their previous release back. */
  #previous: ReleaseCommand | undefined

  /** `first` has begun by itself. */
  constructor(parts: RollingReloadParts, first?: Worker) {
    this.#parts = parts
    this.#current = first
    this.begun = parts.started
    this.proven = this.#run(first)
    this.drained = this.proven.then(async () => summary(await Promise.all(this.#reports)))
    // The same failure as that of `proven`.
    this.drained.catch(() => {})
  }

  isReplacing(worker: Worker): boolean {
    return this.#current === worker
  }

  /** Starts the successor of `worker`; `undefined`: the current release does. */
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
        const { report } = error as { report?: ReloadResult }
        const told = { reports: report ? [...reports, report] : reports }
        const where = `${replaced.length} of ${slots.length} workers are on the new release`
        logger.error(told, `the reload has ended: ${(error as Error).message} ${where}.`)
        const back = await this.#giveBack(replaced)
        if (back) (error as Error).message += ` ${back}`
        throw Object.assign(error as Error, told)
      }
    }
    logger.info({ reports }, `${slots.length} of ${slots.length} workers are on the new release`)
    return summary(reports)
  }

  /** Gives replaced workers their previous release back, so that all run the same one. Resolves with the result. */
  async #giveBack(replaced: readonly Replaced[]): Promise<string | undefined> {
    if (replaced.length === 0) return undefined
    const { logger } = this.#parts
    let given = 0
    try {
      for (const { slot, before } of replaced) {
        const worker = slot.worker
        if (!before || !worker?.inCharge) throw new Error('it is unknown')
        const gone = whyGone(before.pinned, worker.command.pinned)
        if (gone) throw new Error(gone)
        this.#previous = { ...before.pinned, pinned: before.pinned }
        await this.#replace(slot, false)
        given++
      }
      const done = `All workers run the previous release, ${replaced[0]?.before?.pinned.script}.`
      logger.info({ given }, done)
      return done
    } catch (error) {
      const mixed =
        `Workers on the new release: ${replaced.length - given}; the others run the previous one, which cannot be ` +
        `restored: ${(error as Error).message}. Deploy a release that starts, and reload.`
      logger.error({ given }, mixed)
      return mixed
    }
  }

  async #replace(slot: Slot, hasBegun: boolean): Promise<ReloadResult | undefined> {
    const { worker } = slot
    if (!worker?.inCharge) return this.#startAnew(slot)
    this.#current = worker
    const outcome = worker.heard(isOutcome)
    if (!hasBegun) await this.#ask(worker)
    const told = await unlessHung(worker.reloadMs, worker, outcome)
    // The worker has ended. A successor that it had started continues without it.
    if (!told) return slot.worker ? this.#untilInCharge(slot) : this.#startAnew(slot)
    if (told.type === 'reload-failed') throw failed(told)
    const withDrain = () => ({ ...told.report, ...(worker.report && { drain: worker.report.drain }) })
    this.#reports.push(worker.exited.promise.then(withDrain))
    return told.report
  }

  /** Tells it to reload, and resolves when it has begun. Errors: `ERR_HANDOVER_NOT_READY`. */
  async #ask(worker: Worker): Promise<void> {
    const answer = worker.heard((message) => message.type === 'start-successor' || isOutcome(message))
    worker.say({ type: 'reload', before: platform.monotonicMs() + answerMs })
    await unlessHung(answerMs, worker, answer)
  }

  /** No worker serves there: the new release needs not wait for the pause after a crash. */
  async #startAnew(slot: Slot): Promise<undefined> {
    const { worker } = slot
    await worker?.end()
    // The pause may have been over before that: then there is one already.
    if (!slot.worker || slot.worker === worker) this.#parts.launch(slot)
    await this.#untilInCharge(slot)
  }

  /** A worker without a predecessor. One that was killed in its reload has left the rest to its successor. */
  async #untilInCharge(slot: Slot): Promise<undefined> {
    const { worker } = slot
    if (worker?.inCharge || (await worker?.heard(() => worker.inCharge || undefined))) return
    const why = worker
      ? `worker ${worker.pid} ${whyEnded(worker, await worker.exited.promise)}`
      : 'no worker could be started'
    throw new HandoverError('ERR_HANDOVER_SUCCESSOR_EXITED', `The new release does not serve: ${why}.`)
  }
}

const isOutcome = (message: FromWorker): Outcome | undefined =>
  message.type === 'reloaded' || message.type === 'reload-failed' ? message : undefined

/** Its own limits end it, unless it hangs. Errors: `ERR_HANDOVER_NOT_READY`. */
function unlessHung<T>(ms: number, { pid }: Worker, answer: Promise<T>): Promise<T> {
  return within(ms, answer).catch(() => {
    throw new HandoverError(
      'ERR_HANDOVER_NOT_READY',
      `Worker ${pid} has not answered for ${ms} ms: its event loop hangs. Kill it, and another one takes its place.`,
      { pid },
    )
  })
}

const summary = (reports: readonly ReloadResult[]): ReloadSummary => ({ outcome: 'handed-over', reports })

function failed({ error, report }: Extract<Outcome, { type: 'reload-failed' }>): HandoverError {
  const { code = 'ERR_HANDOVER_SUCCESSOR_EXITED', message } = error
  const cause = report?.failure?.cause
  return new HandoverError(code as HandoverErrorCode, message, { report }, cause && errorFrom(cause))
}
