/**
 * What is said to systemd and what comes from it. Node has no Unix datagram socket, so notifications go
 * through systemd-notify(1), which needs `NotifyAccess=all` in the unit.
 */
import { readFileSync, readlinkSync } from 'node:fs'
import { HandoverError } from '../base/errors.js'
import type { Logger } from '../base/logger.js'
import { longestMs } from '../base/timeouts.js'
import type { ListenerEntry } from '../protocol/inheritance.js'
import type { Origin } from './launch-context.js'
import { type AdoptedListener, adoptListener } from './listener-handle.js'
import type { Platform } from './process.js'

/** Descriptor of the first socket that systemd passes (sd_listen_fds(3), SD_LISTEN_FDS_START). */
const firstFd = 3

/** Of what `systemctl status` shows in one line. */
const longestStatus = 500

/** A listener that was taken over, and what is known of it. */
export interface Inherited {
  readonly entry: ListenerEntry
  readonly adopted: AdoptedListener
}

/** The sockets of socket activation. Errors: `ERR_HANDOVER_INHERITANCE_MALFORMED`, `ERR_HANDOVER_BAD_DESCRIPTOR`. */
export function activatedListeners(activation: Origin['activation']): Inherited[] {
  if (!activation) return []
  const count = Number(activation.count)
  if (!Number.isInteger(count) || count < 0 || count > 1_000) {
    throw new HandoverError(
      'ERR_HANDOVER_INHERITANCE_MALFORMED',
      `LISTEN_FDS is "${activation.count}", not a number of sockets. Nothing was inherited.`,
    )
  }
  const names = activation.names?.split(':') ?? []
  return Array.from({ length: count }, (_, i) => activatedListener(firstFd + i, names[i] ?? `unknown-${i}`))
}

function activatedListener(fd: number, systemd: string): Inherited {
  const adopted = adoptListener(fd)
  const where = adopted.tcp ? { tcp: adopted.tcp } : { unix: { path: unixPathOf(fd) ?? '' } }
  return { adopted, entry: { fd, key: `systemd:${systemd}`, systemd, ...where } }
}

/** The path that a Unix socket is bound to, from the kernel's table (proc(5), /proc/net/unix). */
function unixPathOf(fd: number): string | undefined {
  try {
    const inode = /^socket:\[(\d+)\]$/.exec(readlinkSync(`/proc/self/fd/${fd}`))?.[1]
    const row = readFileSync('/proc/net/unix', 'utf8')
      .split('\n')
      .map((line) => line.trim().split(/\s+/))
      .find((columns) => columns[6] === inode)
    return row?.[7]
  } catch {
    return undefined
  }
}

/** Notifications for the service manager (sd_notify(3)); all of them do nothing where there is none. */
export class ServiceManager {
  readonly #platform: Platform
  readonly #logger: Logger
  readonly #present: boolean
  /** One after the other: READY that overtakes RELOADING would leave `systemctl reload` hanging. */
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
   * This process owns the service and satisfies the watchdog from now on (`WatchdogSec=`). A timer pings, so a blocked event
   * loop stops the pings.
   */
  keepAlive(): void {
    if (this.#pingMs === undefined || this.#pings) return
    this.#ping()
    this.#pings = setInterval(() => this.#ping(), this.#pingMs).unref()
  }

  /** Another process owns the service. Only that process pings, so systemd notices when it hangs. */
  stopPings(): void {
    clearInterval(this.#pings)
    this.#pings = undefined
  }

  ready(generation: number): Promise<void> {
    return this.#notify('READY=1', `MAINPID=${this.#platform.pid}`, `STATUS=generation ${generation} serves`)
  }

  reloading(): Promise<void> {
    return this.#notify(
      'RELOADING=1',
      `MONOTONIC_USEC=${this.#platform.monotonicMicroseconds()}`,
      'STATUS=the successor starts',
    )
  }

  /** A reload has ended well: the service is ready, and its main process is the successor. */
  handedOver(pid: number, generation: number): Promise<void> {
    return this.#notify('READY=1', `MAINPID=${pid}`, `STATUS=generation ${generation} serves`)
  }

  /** Without READY `systemctl reload` would hang. */
  reloadFailed(message: string): Promise<void> {
    return this.#notify('READY=1', `MAINPID=${this.#platform.pid}`, `STATUS=${inOneLine(message)}`)
  }

  /** The service cannot come up: `systemctl status` shows why. */
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

  #run(assignments: readonly string[]): Promise<void> {
    return new Promise((resolve) => {
      this.#platform.run('systemd-notify', assignments, (error) => {
        if (error)
          this.#logger.warn({ err: error }, `systemd was not told ${assignments[0]}: systemd-notify failed`)
        resolve()
      })
    })
  }
}

/** Half of the watchdog's interval, as sd_watchdog_enabled(3) recommends; `undefined` if it is not for this process. */
function pingMsOf({ environment, pid }: Platform): number | undefined {
  const { WATCHDOG_USEC, WATCHDOG_PID = String(pid) } = environment
  const ms = Number(WATCHDOG_USEC) / 2_000
  return WATCHDOG_PID === String(pid) && ms >= 1 ? Math.min(Math.floor(ms), longestMs) : undefined
}

/** The message of an error from any program. An argument of a command cannot contain NUL, and its length is limited. */
const inOneLine = (message: string): string => message.replace(/\p{Cc}+/gu, ' ').slice(0, longestStatus)
