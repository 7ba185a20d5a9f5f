/** Serves the requests of the control socket. Each worker reports its own status. */
import {
  type ControlEvent,
  type Controlled,
  type ControlStatus,
  type FinalReport,
  type FromWorker,
  type GenerationStatus,
  platform,
  type ReloadSummary,
  type ReloadUnderway,
  type ScaleSummary,
  type StopSummary,
  timeout,
} from '@handover/core/supervision'
import type { Worker } from '../supervisor/worker.js'
import { ofType } from './of-type.js'
import type { RollingReload } from './rolling-reload.js'
import type { Service } from './service.js'

/** How long to wait for a worker to report its status. A worker that hangs does not report it. */
const statusMs = 500

export class ControlTarget implements Controlled {
  readonly #service: Service
  /** The result of the last reload, for the status. */
  #lastReload: ReloadSummary | undefined

  constructor(service: Service) {
    this.#service = service
    service.reloadObservers.add((reload) => this.#remember(reload))
  }

  async status(): Promise<ControlStatus> {
    const { slots, workers } = this.#service.supervisor
    const serving = new Set(slots.map(({ worker }) => worker))
    const rank = (worker: Worker) => (worker.isLeaving ? 2 : serving.has(worker) ? 0 : 1)
    const sorted = [...workers].sort((one, other) => rank(one) - rank(other))
    const generations = await Promise.all(sorted.map((worker) => this.#statusOf(worker)))
    const uptimeMs = Math.round(platform.now())
    return {
      supervisor: { pid: platform.pid, uptimeMs, workers: slots.length },
      generations,
      ...(this.#lastReload && { lastReload: this.#lastReload }),
    }
  }

  reload(progress: (event: ControlEvent) => void): ReloadUnderway {
    const unsubscribe = this.#observe(progressOf, progress)
    try {
      const reload = this.#service.reload()
      reload.drained.then(unsubscribe, unsubscribe)
      return reload
    } catch (error) {
      unsubscribe()
      const refused = Promise.reject(error)
      refused.catch(() => {})
      return { proven: refused, drained: refused }
    }
  }

  async scale(workers: number, progress: (event: ControlEvent) => void): Promise<ScaleSummary> {
    const scaling = this.#service.scale(workers)
    const ofLeaving = (message: FromWorker, by: Worker) =>
      scaling.isLeaving(by) ? progressOf(message, by) : undefined
    const unsubscribe = this.#observe(ofLeaving, progress)
    return scaling.drained.finally(unsubscribe)
  }

  async stop(progress: (event: ControlEvent) => void): Promise<StopSummary> {
    const reports: FinalReport[] = []
    this.#observe(progressOf, progress)
    this.#observe(ofType('drained'), ({ report }) => reports.push(report))
    const code = await this.#service.supervisor.stop()
    return { code, reports }
  }

  subscribe(onChange: () => void): () => void {
    return this.#observe(ofType('state'), onChange)
  }

  #remember({ reason, proven, drained }: RollingReload): void {
    let kept: ReloadSummary | undefined
    const keep = (summary: ReloadSummary) => {
      kept = this.#lastReload = { ...summary, ...(reason !== undefined && { reason }) }
    }
    proven.then(keep, (error) => keep({ outcome: 'failed', reports: error.reports ?? [] }))
    const isLast = () => this.#lastReload === kept
    drained.then(
      (summary) => isLast() && keep(summary),
      () => {},
    )
  }

  #observe<T>(
    find: (message: FromWorker, by: Worker) => T | undefined,
    onFound: (found: T) => void,
  ): () => void {
    const { messageObservers } = this.#service
    const observe = (by: Worker, message: FromWorker) => {
      const found = find(message, by)
      if (found !== undefined) onFound(found)
    }
    messageObservers.add(observe)
    return () => messageObservers.delete(observe)
  }

  async #statusOf(worker: Worker): Promise<GenerationStatus> {
    const { generation, pid, lifecycle } = worker
    const known: GenerationStatus = { generation, pid, ...lifecycle }
    if (!worker.isRegistered) return known
    const reported = worker.waitFor(ofType('status'))
    worker.send({ type: 'status-wanted' })
    const message = await timeout(statusMs, reported).catch(() => undefined)
    return message?.status ?? known
  }
}

/** Adds the pid of the successor, which the predecessor may not know yet. */
function progressOf(message: FromWorker, { successor }: Worker): ControlEvent | undefined {
  const event = ofType('progress')(message)?.event
  if (event?.event !== 'phase' || !event.successor || !successor) return event
  return { ...event, successor: { ...event.successor, pid: successor.worker.pid } }
}
