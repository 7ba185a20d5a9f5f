/** Decides which client failures the faults of a round explain. All others are anomalies. */
import type { Failure } from '@handover/load'
import type { Expectation } from './expectation.js'
import { beforeStop, casualtiesOf, hasShutDown, type ProcessFacts, struck } from './process-states.js'
import { type IdleConnection, isAlone, type RoundLog } from './round-log.js'

/** How a connection fails when its process exits. */
const ends: readonly Failure['kind'][] = ['reset', 'cut-short', 'closed-unannounced']

export class Excuses {
  readonly #log: RoundLog
  readonly #mayBeDown: boolean
  readonly #all: readonly ProcessFacts[]
  readonly #casualties: readonly ProcessFacts[]
  /** The number of excused connections of each client. */
  readonly #used = new Map<string, number>()

  constructor(log: RoundLog, { service, mayPause = false }: Expectation) {
    this.#log = log
    this.#mayBeDown = service !== 'up' || mayPause
    this.#all = beforeStop(log)
    this.#casualties = casualtiesOf(log)
  }

  /**
   * - Connections are refused while the service may be down.
   * - A killed process loses its connections, at most one of each client. A killed supervisor loses those in transit.
   * - A process without free descriptors cannot accept connections: libuv closes them.
   * - The kernel resets connections in the accept queue when the last listener closes.
   */
  covers({ kind, workload, client, connection }: Failure): boolean {
    if (kind === 'refused') return this.#mayBeDown
    if (!ends.includes(kind)) return false
    if (connection === undefined && this.#mayHaveWaited) return true
    if (!this.#diedWith(connection?.pid)) return false
    const name = `${workload} ${client}`
    const used = (this.#used.get(name) ?? 0) + 1
    this.#used.set(name, used)
    return used <= this.#casualties.length
  }

  /** A shutdown also closes silent connections. */
  coversIdle({ first }: IdleConnection): boolean {
    return (
      this.#mayBeDown ||
      this.#diedWith(first) ||
      this.#all.some((tracked) => hasShutDown(tracked) && this.#mayHave(tracked, first))
    )
  }

  get #mayHaveWaited(): boolean {
    return this.#mayBeDown || struck(this.#log, 'limit-descriptors').length > 0
  }

  /** `owner` sent the last response, or is undefined if there was none. */
  #diedWith(owner: number | undefined): boolean {
    return this.#casualties.some((casualty) => this.#mayHave(casualty, owner))
  }

  /** Whether `tracked` may have had a connection on which `owner` sent a response before. */
  #mayHave(tracked: ProcessFacts, owner: number | undefined): boolean {
    if (owner === undefined || owner === tracked.pid) return true
    // Workers hand connections to each other, and a supervisor relays them.
    const isSupervisor = !isAlone(this.#log) && tracked.pid === this.#log.firstPid
    if (isSupervisor || this.#log.plan.setup.workers > 1) return true
    const from = this.#all.find(({ pid }) => pid === owner)
    return (from?.generation ?? 0) < (tracked.generation ?? 0)
  }
}
