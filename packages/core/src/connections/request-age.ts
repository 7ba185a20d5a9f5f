/**
 * The ages of requests in flight, for reports. Noting the time of each request would double Handover's cost, because the
 * memory of a connection is not in a CPU cache. So a timer samples the connections while any request is in flight. An age
 * is at most one interval too short.
 */
import type { Connection } from './connection.js'
import type { RequestInterest } from './requests.js'

/** The shortest interval. It grows with the number of connections, so sampling takes about 0.1 % of the time. */
const sampleMs = 100
const sampleMsPerConnection = 0.1

export class RequestAgeSampler {
  readonly #connections: ReadonlyMap<Connection, unknown>
  readonly #interest: RequestInterest
  #isRunning = false

  constructor(connections: ReadonlyMap<Connection, unknown>, interest: RequestInterest) {
    this.#connections = connections
    this.#interest = interest
    interest.count++
  }

  /** A request begins. No timer runs while no request is in flight: then each request is of interest. */
  start(): void {
    if (this.#isRunning) return
    this.#setRunning(true)
    setTimeout(
      () => {
        this.#setRunning(false)
        if (this.#sample()) this.start()
      },
      Math.max(sampleMs, this.#connections.size * sampleMsPerConnection),
    ).unref()
  }

  #setRunning(isRunning: boolean): void {
    this.#isRunning = isRunning
    this.#interest.count += isRunning ? -1 : 1
  }

  #sample(): boolean {
    let isBusy = false
    for (const connection of this.#connections.keys()) if (connection.sample?.()) isBusy = true
    return isBusy
  }
}
