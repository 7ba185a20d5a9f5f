import { errorData } from '../base/error-data.js'
import { HandoverError } from '../base/errors.js'
import type { Logger } from '../base/logger.js'
import type { FinalReport, HookFailure } from '../base/report.js'
import type { DrainReason } from '../base/state-names.js'
import { TimeoutError, timeout, unlessAborted } from '../base/timeouts.js'

type Hook = () => unknown

/** Why a generation drains, for its hooks. */
export interface Leave {
  readonly reason: DrainReason
  /** The signal that requested the shutdown; absent when the program, the control socket or a reload did. */
  readonly signal?: string
}

/** A hook that runs before a drain. */
export type BeforeDrainHook = (leave: Leave) => unknown
/** A hook that runs after a drain. */
export type DrainedHook = (report: FinalReport, leave: Leave) => unknown

/** The hooks of the application, in the order in which it registered them. */
export class Hooks {
  readonly beforeReady: Hook[] = []
  readonly beforeDrain: BeforeDrainHook[] = []
  readonly drained: DrainedHook[] = []
  /** To take back what was given to a successor that has failed. */
  readonly failed: Hook[] = []
  state: Hook = () => undefined
  readonly #limitMs: () => number
  readonly #logger: Logger

  constructor(limitMs: () => number, logger: Logger) {
    this.#limitMs = limitMs
    this.#logger = logger
  }

  /** Their limit is the predecessor's `readyTimeoutMs`. Rejects with the first failure. */
  async runBeforeReady(): Promise<void> {
    for (const hook of this.beforeReady) await hook()
  }

  /** Runs each hook, logs failures and continues. Resolves with the failures. After `cut` it waits for no hook. */
  runBeforeDrain(leave: Leave, cut: AbortSignal): Promise<HookFailure[]> {
    const hooks = this.beforeDrain.map((hook) => () => hook(leave))
    return this.#runAll(hooks, 'beforeDrain', cut)
  }

  /** Like {@link runBeforeDrain}. */
  runDrained(report: FinalReport, leave: Leave, cut: AbortSignal): Promise<HookFailure[]> {
    const hooks = this.drained.map((hook) => () => hook(report, leave))
    return this.#runAll(hooks, 'onDrained', cut)
  }

  /** Like {@link runBeforeDrain}, without a second signal. */
  runFailed(): Promise<HookFailure[]> {
    return this.#runAll(this.failed, 'onHandoverFailed', new AbortController().signal)
  }

  async #runAll(hooks: readonly Hook[], kind: string, cut: AbortSignal): Promise<HookFailure[]> {
    const failures: HookFailure[] = []
    for (const [i, hook] of hooks.entries()) {
      const name = `${kind} hook ${i + 1}`
      try {
        if (cut.aborted) throw cutShort(name, 'did not run')
        await this.#unlessCut(hook, name, cut)
      } catch (error) {
        failures.push({ hook: name, error: errorData(error) })
        this.#logger.error({ err: error }, `${name} failed: ${(error as Error)?.message ?? error}`)
      }
    }
    return failures
  }

  /** Errors: `ERR_HANDOVER_HOOK_TIMEOUT`, and the error of the hook. */
  async #unlessCut(hook: Hook, name: string, cut: AbortSignal): Promise<void> {
    const running = this.limited(hook, name)
    try {
      await unlessAborted(running, cut)
    } catch (error) {
      if (error !== cut.reason) throw error
      // Nothing waits for it anymore: its failure must not become an unhandled rejection.
      running.catch(() => {})
      throw cutShort(name, 'did not end')
    }
  }

  /** Errors: `ERR_HANDOVER_HOOK_TIMEOUT`, and the error of the hook. */
  async limited(hook: Hook, name: string): Promise<unknown> {
    try {
      return await timeout(this.#limitMs(), Promise.resolve().then(hook))
    } catch (error) {
      if (!(error instanceof TimeoutError)) throw error
      throw new HandoverError(
        'ERR_HANDOVER_HOOK_TIMEOUT',
        `${name} timed out after ${error.ms} ms; continuing without it.`,
        {
          hookTimeoutMs: error.ms,
        },
      )
    }
  }
}

const cutShort = (name: string, what: string): HandoverError =>
  new HandoverError(
    'ERR_HANDOVER_HOOK_TIMEOUT',
    `${name} ${what} before a second signal cut the shutdown short; continuing without it.`,
  )
