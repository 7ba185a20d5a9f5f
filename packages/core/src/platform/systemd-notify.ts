/**
 * Notifies systemd (sd_notify(3)). Node has no Unix datagram socket, so each notification runs systemd-notify(1), which
 * needs `NotifyAccess=all` in the unit.
 */
import type { Logger } from '../base/logger.js'
import { maxTimerMs } from '../base/timeouts.js'
import type { Platform } from './process.js'

const maxStatusLength = 500

/** Without systemd, all methods do nothing. */
export class ServiceManager {
  readonly #platform: Platform
  readonly #logger: Logger
  readonly #present: boolean
  /** Notifications run one after another: if READY overtook RELOADING, `systemctl reload` would hang. */
  #last: Promise<void> = Promise.resolve()
  readonly #pingMs: number | undefined
  #pings: NodeJS.Timeout | undefined
  #isPinging = false

  constructor(platform: Platform, logger: Logger) {
    this.#platform = platform
    this.#logger = logger
    this.#present = Boolean(platform.environment.NOTIFY_SOCKET)
    this.#pingMs = this.#present ? pingMsOf(platform) : undefined
  }

  /**
   * This process owns the service and pings the watchdog from now on (`WatchdogSec=`). A timer pings, so a blocked
   * event loop stops the pings.
   */
  keepAlive(): void {
    if (this.#pingMs === undefined || this.#pings) return
    this.#ping()
    this.#pings = setInterval(() => this.#ping(), this.#pingMs).unref()
  }

  /** Another process owns the service. Only that process pings now, so systemd notices when it hangs. */
  stopPings(): void {
    clearInterval(this.#pings)
    this.#pings = undefined
  }

  ready(generation: number): Promise<void> {
    return this.handedOver(this.#platform.pid, generation)
  }

  reloading(): Promise<void> {
    return this.#notify(
      'RELOADING=1',
      `MONOTONIC_USEC=${this.#platform.monotonicMicroseconds()}`,
      'STATUS=starting the successor',
    )
  }

  /** The successor is proven, or this process is ready: `pid` is the main process of the service. */
  handedOver(pid: number, generation: number): Promise<void> {
    return this.#notify('READY=1', `MAINPID=${pid}`, `STATUS=generation ${generation} serves`)
  }

  /** Without READY, `systemctl reload` would hang. */
  reloadFailed(message: string): Promise<void> {
    return this.#notify('READY=1', `MAINPID=${this.#platform.pid}`, `STATUS=${inOneLine(message)}`)
  }

  /** The service cannot start: `systemctl status` shows why. */
  failed(message: string): Promise<void> {
    return this.#notify(`STATUS=${inOneLine(message)}`)
  }

  stopping(): Promise<void> {
    return this.#notify('STOPPING=1', 'STATUS=draining')
  }

  #ping(): void {
    if (this.#isPinging) return
    this.#isPinging = true
    void this.#notify('WATCHDOG=1').then(() => {
      this.#isPinging = false
    })
  }

  #notify(...assignments: readonly string[]): Promise<void> {
    if (this.#present) this.#last = this.#last.then(() => this.#run(assignments))
    return this.#last
  }

  async #run(assignments: readonly string[]): Promise<void> {
    let error = await this.#attempt(assignments)
    if (wasEnded(error)) error = await this.#attempt(assignments)
    if (error) {
      this.#logger.warn({ err: error }, `systemd-notify failed: systemd did not receive ${assignments[0]}`)
    }
  }

  #attempt(assignments: readonly string[]): Promise<Error | null> {
    return new Promise((resolve) => this.#platform.run('systemd-notify', assignments, resolve))
  }
}

/** Half of the watchdog's interval (sd_watchdog_enabled(3)); `undefined` if the watchdog is not for this process. */
function pingMsOf({ environment, pid }: Platform): number | undefined {
  const { WATCHDOG_USEC, WATCHDOG_PID = String(pid) } = environment
  const ms = Number(WATCHDOG_USEC) / 2_000
  return WATCHDOG_PID === String(pid) && ms >= 1 ? Math.min(Math.floor(ms), maxTimerMs) : undefined
}

/**
 * Whether another process ended the command with a signal. At a stop, systemd signals each process of the service, also a
 * systemd-notify that has just started (test/system/service.test.ts: a stop during a reload).
 */
function wasEnded(error: Error | null): boolean {
  const { signal, killed } = (error ?? {}) as { signal?: string | null; killed?: boolean }
  return Boolean(signal) && killed !== true
}

/** Any error message. A command's argument cannot contain NUL, and its length is limited. */
const inOneLine = (message: string): string => message.replace(/\p{Cc}+/gu, ' ').slice(0, maxStatusLength)
