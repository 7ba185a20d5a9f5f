/** The health answers of a generation: installs them on servers, and knows whether it is ready. */
import type net from 'node:net'
import type { Generation } from './generation.js'
import { answerHealth } from './health.js'
import { HealthChecks, type Readiness } from './health-checks.js'

export class GenerationHealth {
  readonly #generation: Generation
  readonly #servers = new WeakSet<net.Server>()
  #checks: HealthChecks | undefined
  /** The latest value of `setReady`. */
  #saysReady = true

  constructor(generation: Generation) {
    this.#generation = generation
  }

  /** Once for each server, if the option is set. */
  answer(server: net.Server): void {
    const { health } = this.#generation.settings
    if (!health || this.#servers.has(server)) return
    this.#servers.add(server)
    this.#checks ??= new HealthChecks(health, () => this.#readiness())
    this.#generation.undoAtEnd(answerHealth(server, this.#checks))
  }

  /** `handle.setReady()`. */
  setReady(ready: boolean): void {
    if (ready === this.#saysReady) return
    this.#saysReady = ready
    this.#generation.logger.info({ ready }, `readiness: the program reports ${ready ? 'ready' : 'not ready'}`)
  }

  #readiness(): Readiness {
    const { state, number } = this.#generation
    const drainsForShutdown = state.name === 'draining' && state.because === 'shutdown'
    const ready =
      this.#saysReady && state.name !== 'starting' && state.name !== 'exited' && !drainsForShutdown
    return { ready, state: state.name, generation: number }
  }
}
