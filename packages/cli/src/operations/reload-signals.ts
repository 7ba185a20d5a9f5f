/** Reloads all workers when this process or a worker receives a reload signal. */
import { type HandoverError, type Logger, ReloadRequests } from '@handover/core/supervision'
import { ofType } from './of-type.js'
import type { RollingReload } from './rolling-reload.js'
import type { Service } from './service.js'

/** How long a worker's request waits for requests of the others: the signal may have been sent to all of them. */
const workersMs = 250

export class ReloadSignals {
  readonly #service: Service
  readonly #logger: Logger
  readonly #requests: ReloadRequests

  constructor(service: Service, logger: Logger) {
    this.#service = service
    this.#logger = logger
    this.#requests = new ReloadRequests((signal) => this.#reload(signal), logger)
    service.reloadObservers.add((reload) => this.#follow(reload))
    service.messageObservers.add(({ pid }, message) => {
      if (ofType('reload-wanted')(message)) this.#requests.request(`signal to worker ${pid}`, workersMs)
    })
  }

  request(signal: string): void {
    this.#requests.request(signal)
  }

  /** Follows each reload, whether a signal or a command requested it. Requests during the reload start another one afterwards. */
  #follow({ begun, proven }: RollingReload): void {
    begun.then(
      () => this.#requests.begin(),
      () => {},
    )
    const onEnd = () => {
      const signal = this.#requests.end()
      if (signal !== undefined) this.#requests.request(signal)
    }
    proven.then(onEnd, onEnd)
  }

  #reload(signal: string): void {
    try {
      this.#service.reload({ reason: signal })
    } catch (error) {
      const { code, message } = error as HandoverError
      this.#logger.warn({ signal, code }, `${signal} ignored: ${message}`)
    }
  }
}
