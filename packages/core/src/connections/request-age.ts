/**
 * The ages of requests in flight, for reports. Noting the time of each request would double Handover's cost, because the
 * memory of a connection is not in a CPU cache. So a timer samples the connections while any request is in flight. An age
 * is at most one interval too short.
 */
import type { Connection } from './connection.js'

/** The shortest interval. It grows with the number of connections, so sampling takes about 0.1 % of the time. */
const sampleMs = 100
const sampleMsPerConnection = 0.1

export class RequestAgeSampler {
  readonly #connections: ReadonlyMap<Connection, unknown>
  #isRunning = false

  constructor(connections: ReadonlyMap<Connection, unknown>) {
    this.#connections = connections
  }

  /** Called for each request. No timer runs while no request is in flight. */
  start(): void {
    if (this.#isRunning) return
    this.#isRunning = true
    setTimeout(
      () => {
        this.#isRunning = false
        if (this.#sample()) this.start()
      },
      Math.max(sampleMs, this.#connections.size * sampleMsPerConnection),
    ).unref()
  }

  #sample(): boolean {
    let isBusy = false
    for (const connection of this.#connections.keys()) if (connection.sample?.()) isBusy = true
    return isBusy
  }
}
