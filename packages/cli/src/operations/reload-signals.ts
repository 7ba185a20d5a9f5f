/** Reloads of all workers that signals ask for: signals of this process, or of a worker. */
import { type HandoverError, type Logger, ReloadRequests } from '@handover/core/supervision'
import type { Supervisor } from '../supervisor/supervisor.js'
import type { Roll } from './roll.js'

/** How long a reload that a worker asks for waits for the others: a signal may have been meant for all of them. */
const workersMs = 250

export class ReloadSignals {
  readonly #supervisor: Supervisor
  readonly #logger: Logger
  readonly #requests: ReloadRequests

  constructor(supervisor: Supervisor, logger: Logger) {
    this.#supervisor = supervisor
    this.#logger = logger
    this.#requests = new ReloadRequests((signal) => this.#reload(signal), logger)
    supervisor.observers.add(({ pid }, { type }) => {
      if (type === 'reload-wanted') this.#requests.request(`worker ${pid}`, workersMs)
    })
  }

  request(signal: string): void {
    this.#requests.request(signal)
  }

  /** A reload, whoever asked for it: what is asked for while it is under way follows it. */
  follow({ begun, proven }: Roll): void {
    begun.then(
      () => this.#requests.begin(),
      () => {},
    )
    const over = () => {
      const signal = this.#requests.end()
      if (signal !== undefined) this.#requests.request(signal)
    }
    proven.then(over, over)
  }

  #reload(signal: string): void {
    try {
      this.#supervisor.reload()
    } catch (error) {
      const { code, message } = error as HandoverError
      this.#logger.warn({ signal, code }, `${signal} ignored: ${message}`)
    }
  }
}
