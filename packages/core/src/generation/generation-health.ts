/** The health answers of a generation: installs them on servers, and knows whether it is ready. */
import type net from 'node:net'
import type { Settings } from '../base/settings.js'
import { answerHealth } from './health.js'
import { HealthChecks, type Readiness } from './health-checks.js'
import type { SharedParts } from './shared-parts.js'

export interface HealthParts extends Pick<SharedParts, 'self' | 'logger' | 'machine' | 'undoAtEnd'> {
  readonly option: () => Settings['health']
}

export class GenerationHealth {
  readonly #parts: HealthParts
  readonly #servers = new WeakSet<net.Server>()
  #checks: HealthChecks | undefined
  /** The latest value of `setReady`. */
  #saysReady = true

  constructor(parts: HealthParts) {
    this.#parts = parts
  }

  /** Once for each server, if the option is set. */
  answer(server: net.Server): void {
    const health = this.#parts.option()
    if (!health || this.#servers.has(server)) return
    this.#servers.add(server)
    this.#checks ??= new HealthChecks(health, () => this.#readiness())
    this.#parts.undoAtEnd(answerHealth(server, this.#checks))
  }

  /** `handle.setReady()`. */
  setReady(ready: boolean): void {
    if (ready === this.#saysReady) return
    this.#saysReady = ready
    this.#parts.logger.info({ ready }, `readiness: the program reports ${ready ? 'ready' : 'not ready'}`)
  }

  #readiness(): Readiness {
    const { machine, self } = this.#parts
    const { state } = machine
    const drainsForShutdown = state.name === 'draining' && state.because === 'shutdown'
    const ready =
      this.#saysReady && state.name !== 'starting' && state.name !== 'exited' && !drainsForShutdown
    return { ready, state: state.name, generation: self.number }
  }
}
