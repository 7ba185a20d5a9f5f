/** Starts reloads of all workers at signals to this process or to a worker. */
import { type HandoverError, type Logger, ReloadRequests } from '@handover/core/supervision'
import { ofType } from './of-type.js'
import type { RollingReload } from './rolling-reload.js'
import type { Service } from './service.js'

/** How long a reload that a worker requests waits for the other workers: a signal may be meant for all of them. */
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
      if (ofType('reload-wanted')(message)) this.#requests.request(`worker ${pid}`, workersMs)
    })
  }

  request(signal: string): void {
    this.#requests.request(signal)
  }

  /** Follows any reload, by signal or command. Requests during the reload start another one afterwards. */
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
      this.#service.reload()
    } catch (error) {
      const { code, message } = error as HandoverError
      this.#logger.warn({ signal, code }, `${signal} ignored: ${message}`)
    }
  }
}
