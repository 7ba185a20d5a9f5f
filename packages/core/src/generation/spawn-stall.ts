/** How long starting a successor blocks this process: fork(2) copies the page tables, which grow with its memory. */
import type { Logger } from '../base/logger.js'
import type { Platform } from '../platform/process.js'

/** A longer stall is worth a warning. */
const noticeableMs = 50
/** In a smaller process, a long stall has another cause, such as a busy machine. */
const smallMiB = 256

export interface SpawnStallParts {
  readonly logger: Logger
  readonly platform: Pick<Platform, 'now' | 'usage'>
}

export class SpawnStall {
  readonly #parts: SpawnStallParts
  #isLogged = false

  constructor(parts: SpawnStallParts) {
    this.#parts = parts
  }

  /** Calls `spawn`, and `onBlocked` with the milliseconds that it took. Logs the first long stall of a large process. */
  measure<T>(spawn: () => T, onBlocked: (ms: number) => void): T {
    const { platform } = this.#parts
    const from = platform.now()
    try {
      return spawn()
    } finally {
      const ms = Math.round(platform.now() - from)
      onBlocked(ms)
      if (ms > noticeableMs && !this.#isLogged) this.#warn(ms)
    }
  }

  #warn(spawnMs: number): void {
    const { logger, platform } = this.#parts
    const memoryMiB = Math.round(platform.usage().memoryBytes / 1024 / 1024)
    if (memoryMiB < smallMiB) return
    this.#isLogged = true
    logger.warn(
      { spawnMs, memoryMiB },
      `starting the successor blocked the event loop for ${spawnMs} ms, because this process uses ${memoryMiB} MiB of ` +
        'memory. Under handover run the small supervisor starts successors, and the server does not block',
    )
  }
}
