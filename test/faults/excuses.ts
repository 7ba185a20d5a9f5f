/** Which failures of clients a fault of the round explains. Everything else is an anomaly. */
import type { Failure } from '@handover/load'
import type { Expectation } from './expectation.js'
import { beforeStop, casualtiesOf, hasShutDown, struck, type Told } from './processes-told.js'
import { type IdleConnection, isAlone, type RoundLog } from './round-log.js'

/** How a connection ends when a process that has it is gone. */
const ends: readonly Failure['kind'][] = ['reset', 'cut-short', 'closed-unannounced']

export class Excuses {
  readonly #log: RoundLog
  readonly #mayBeDown: boolean
  readonly #all: readonly Told[]
  readonly #casualties: readonly Told[]
  /** How many connections of each client have been excused. */
  readonly #used = new Map<string, number>()

  constructor(log: RoundLog, { service, mayPause = false }: Expectation) {
    this.#log = log
    this.#mayBeDown = service !== 'up' || mayPause
    this.#all = beforeStop(log)
    this.#casualties = casualtiesOf(log)
  }

  /**
   * - No process accepts while the service may be down.
   * - A process that ended by force takes its connections with it: one of each client. A supervisor takes those in transit.
   * - A process short of descriptors cannot accept: libuv closes what it cannot take.
   * - The kernel resets connections that no process has accepted when the last listener closes.
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

  /** A shutdown closes silent connections, too. */
  coversIdle({ first }: IdleConnection): boolean {
    return (
      this.#mayBeDown ||
      this.#diedWith(first) ||
      this.#all.some((told) => hasShutDown(told) && this.#mayHave(told, first))
    )
  }

  get #mayHaveWaited(): boolean {
    return this.#mayBeDown || struck(this.#log, 'limit-descriptors').length > 0
  }

  /** `owner` gave the last answer; `undefined` when there was none. */
  #diedWith(owner: number | undefined): boolean {
    return this.#casualties.some((casualty) => this.#mayHave(casualty, owner))
  }

  /** Whether a connection on which `owner` has answered may have been with `told` when that ended. */
  #mayHave(told: Told, owner: number | undefined): boolean {
    if (owner === undefined || owner === told.pid) return true
    // Several workers give each other connections, and a supervisor relays them.
    const isSupervisor = !isAlone(this.#log) && told.pid === this.#log.firstPid
    if (isSupervisor || this.#log.plan.setup.workers > 1) return true
    const from = this.#all.find(({ pid }) => pid === owner)
    return (from?.generation ?? 0) < (told.generation ?? 0)
  }
}
