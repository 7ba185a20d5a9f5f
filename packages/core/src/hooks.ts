import { HandoverError } from './errors.js'
import { LimitReached, within } from './limits.js'
import type { Logger } from './logger.js'

type Hook = () => unknown

/** What the application asked to be run at the turns of its life, in the order in which it asked. */
export class Hooks {
  readonly beforeReady: Hook[] = []
  readonly drained: Hook[] = []
  /** To take back what was given to a successor that has failed. */
  readonly failed: Hook[] = []
  state: Hook = () => undefined
  readonly #limitMs: number
  readonly #logger: Logger

  constructor(limitMs: number, logger: Logger) {
    this.#limitMs = limitMs
    this.#logger = logger
  }

  /** Their limit is the predecessor's `readyTimeoutMs`. Rejects with what the first one failed with. */
  async runBeforeReady(): Promise<void> {
    for (const hook of this.beforeReady) await hook()
  }

  /** One that fails, or takes too long, is logged and keeps no other from its turn. Resolves with whether all went well. */
  runDrained(): Promise<boolean> {
    return this.#runAll(this.drained, 'onDrained')
  }

  /** As {@link runDrained}. */
  runFailed(): Promise<boolean> {
    return this.#runAll(this.failed, 'onHandoverFailed')
  }

  async #runAll(hooks: readonly Hook[], kind: string): Promise<boolean> {
    let clean = true
    for (const [i, hook] of hooks.entries()) {
      const name = `${kind} hook ${i + 1}`
      try {
        await this.limited(hook, name)
      } catch (error) {
        clean = false
        this.#logger.error({ err: error }, `${name} failed: ${(error as Error)?.message ?? error}`)
      }
    }
    return clean
  }

  /** Errors: `ERR_HANDOVER_HOOK_TIMEOUT`, and what the hook fails with. */
  async limited(hook: Hook, name: string): Promise<unknown> {
    try {
      return await within(this.#limitMs, Promise.resolve().then(hook))
    } catch (error) {
      if (!(error instanceof LimitReached)) throw error
      throw new HandoverError(
        'ERR_HANDOVER_HOOK_TIMEOUT',
        `${name} did not end within ${error.ms} ms; it is waited for no longer.`,
        {
          hookTimeoutMs: error.ms,
        },
      )
    }
  }
}
