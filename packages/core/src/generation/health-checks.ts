/** Composes the health answers from the state of the generation and the checks of the program. */
import { isRecord } from '../base/guards.js'
import type { HealthCheck, HealthPaths } from '../base/settings.js'
import { TimeoutError, unlessAborted, withTimeout } from '../base/timeouts.js'

/** The default timeout of a check. */
const defaultTimeoutMs = 5_000

export interface ReadinessStatus {
  readonly ready: boolean
  readonly state: string
  readonly generation: number
}

export interface HealthAnswer {
  readonly status: number
  readonly contentType: string
  readonly body: string
}

type Kind = keyof HealthPaths
type Outcome = { readonly ok: boolean; readonly result?: unknown; readonly error?: string }

const statuses = { liveness: ['ok', 'not ok'], readiness: ['ready', 'not ready'] } as const

export class HealthChecks {
  readonly #checks: Readonly<Record<Kind, HealthCheck | undefined>>
  readonly #now: () => ReadinessStatus
  /** Concurrent probes share one run of a check. */
  readonly #running = new Map<Kind, Promise<Outcome>>()

  constructor({ liveness, readiness }: HealthPaths, now: () => ReadinessStatus) {
    this.#checks = { liveness: asCheck(liveness), readiness: asCheck(readiness) }
    this.#now = now
  }

  /** Which health answer `path` requests, if any. */
  kindOf(path: string | undefined): Kind | undefined {
    if (path === undefined) return undefined
    if (path === this.#checks.readiness?.path) return 'readiness'
    return path === this.#checks.liveness?.path ? 'liveness' : undefined
  }

  /** Never rejects. Runs no readiness check while the generation is not ready. */
  async answer(kind: Kind): Promise<HealthAnswer> {
    if (kind === 'readiness' && !this.#now().ready) return this.#compose(kind, { ok: false })
    const outcome = await this.#check(kind)
    // A shutdown may have begun during the check.
    const ok = outcome.ok && (kind === 'liveness' || this.#now().ready)
    return this.#compose(kind, { ...outcome, ok })
  }

  #check(kind: Kind): Promise<Outcome> {
    const check = this.#checks[kind]
    if (!check?.check) return Promise.resolve({ ok: true })
    const running = this.#running.get(kind)
    if (running) return running
    const outcome = run(check).finally(() => this.#running.delete(kind))
    this.#running.set(kind, outcome)
    return outcome
  }

  #compose(kind: Kind, { ok, result, error }: Outcome): HealthAnswer {
    const { state, generation } = this.#now()
    const [good, bad] = statuses[kind]
    const custom = isRecord(result) && (isStatus(result.status) || 'body' in result) ? result : undefined
    const health = {
      status: ok ? good : bad,
      state,
      generation,
      ...(result === undefined || custom ? {} : { result }),
      ...(error === undefined ? {} : { error }),
    }
    const status = custom && isStatus(custom.status) ? custom.status : ok ? 200 : 503
    const body = custom && 'body' in custom ? custom.body : health
    return typeof body === 'string'
      ? { status, contentType: 'text/plain; charset=utf-8', body }
      : { status, contentType: 'application/json; charset=utf-8', body: JSON.stringify(body) }
  }
}

const asCheck = (given: string | HealthCheck | undefined): HealthCheck | undefined =>
  typeof given === 'string' ? { path: given } : given

const isStatus = (value: unknown): value is number =>
  Number.isInteger(value) && (value as number) >= 200 && (value as number) <= 599

/** Never rejects. */
async function run({ check, timeoutMs = defaultTimeoutMs }: HealthCheck): Promise<Outcome> {
  try {
    const result = await withTimeout(timeoutMs, (limit) =>
      unlessAborted(Promise.resolve(check?.(limit)), limit),
    )
    // A value that JSON cannot represent is a failure of the check, not of the answer.
    if (result !== undefined) JSON.stringify(result)
    const isBad = result === false || (isRecord(result) && isStatus(result.status) && result.status >= 400)
    return { ok: !isBad, ...(typeof result === 'boolean' ? {} : { result }) }
  } catch (error) {
    const why = error instanceof TimeoutError ? `the check timed out after ${error.ms} ms` : undefined
    return { ok: false, error: why ?? (error as Error)?.message ?? String(error) }
  }
}
