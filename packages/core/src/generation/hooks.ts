/** The hooks of the application: their order, their time limits, their failures. */
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
  /** The signal that requested the shutdown. Absent at a handover, and if no signal requested the shutdown. */
  readonly signal?: string
}

/** Runs before a drain. */
export type BeforeDrainHook = (leave: Leave) => unknown
/** Runs after a drain. */
export type DrainedHook = (report: FinalReport, leave: Leave) => unknown

export class Hooks {
  readonly beforeReady: Hook[] = []
  readonly beforeDrain: BeforeDrainHook[] = []
  readonly drained: DrainedHook[] = []
  /** `onHandoverFailed`: the application undoes what `provideState` did. */
  readonly failed: Hook[] = []
  state: Hook = () => undefined
  readonly #limitMs: () => number
  readonly #logger: Logger

  constructor(limitMs: () => number, logger: Logger) {
    this.#limitMs = limitMs
    this.#logger = logger
  }

  /** Rejects with the first failure. The time limit is the `readyTimeoutMs` of the predecessor. */
  async runBeforeReady(): Promise<void> {
    for (const hook of this.beforeReady) await hook()
  }

  /** Runs each hook. Logs failures and continues. Resolves with the failures. Stops waiting when `cut` aborts. */
  runBeforeDrain(leave: Leave, cut: AbortSignal): Promise<HookFailure[]> {
    const hooks = this.beforeDrain.map((hook) => () => hook(leave))
    return this.#runAll(hooks, 'beforeDrain hook', cut)
  }

  /** Like {@link runBeforeDrain}. */
  runDrained(report: FinalReport, leave: Leave, cut: AbortSignal): Promise<HookFailure[]> {
    const hooks = this.drained.map((hook) => () => hook(report, leave))
    return this.#runAll(hooks, 'onDrained hook', cut)
  }

  /** Like {@link runBeforeDrain}. `listeners` are the program's own for `signal`. */
  runListeners(listeners: readonly Hook[], signal: string, cut: AbortSignal): Promise<HookFailure[]> {
    return this.#runAll(listeners, `${signal} listener`, cut)
  }

  /** Like {@link runBeforeDrain}, but nothing cuts it short. */
  runFailed(): Promise<HookFailure[]> {
    return this.#runAll(this.failed, 'onHandoverFailed hook', new AbortController().signal)
  }

  async #runAll(hooks: readonly Hook[], kind: string, cut: AbortSignal): Promise<HookFailure[]> {
    const failures: HookFailure[] = []
    for (const [i, hook] of hooks.entries()) {
      const name = `${kind} ${i + 1}`
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

  async #unlessCut(hook: Hook, name: string, cut: AbortSignal): Promise<void> {
    const running = this.limited(hook, name, '; continuing without it.')
    try {
      await unlessAborted(running, cut)
    } catch (error) {
      if (error !== cut.reason) throw error
      // A later failure of the hook must not become an unhandled rejection.
      running.catch(() => {})
      throw cutShort(name, 'did not end')
    }
  }

  /** `more` completes the message. Errors: `ERR_HANDOVER_HOOK_TIMEOUT`, and the error of the hook. */
  async limited(hook: Hook, name: string, more = ''): Promise<unknown> {
    try {
      return await timeout(this.#limitMs(), Promise.resolve().then(hook))
    } catch (error) {
      if (!(error instanceof TimeoutError)) throw error
      throw new HandoverError('ERR_HANDOVER_HOOK_TIMEOUT', `${name} timed out after ${error.ms} ms${more}`, {
        hookTimeoutMs: error.ms,
      })
    }
  }
}

const cutShort = (name: string, what: string): HandoverError =>
  new HandoverError(
    'ERR_HANDOVER_HOOK_TIMEOUT',
    `${name} ${what} before a second signal cut the shutdown short; continuing without it.`,
  )
