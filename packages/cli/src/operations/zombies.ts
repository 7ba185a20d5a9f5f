/**
 * Finds processes that only an init can reap. Orphans of the container get PID 1 as their parent, and Node reaps only
 * processes that it started (docs/decisions/0031-the-main-process-of-a-container.md).
 */
import type { Logger } from '@handover/core/supervision'

/** How often to look. */
const checkMs = 5_000

export interface ZombieParts {
  readonly pid: number
  /** Returns the children of this process that have ended. */
  readonly zombies: () => readonly number[]
  readonly logger: Logger
}

/** As PID 1, warns once when a zombie stays. Returns a function that ends this. */
export function warnOfZombies({ pid, zombies, logger }: ZombieParts): () => void {
  if (pid !== 1) return () => {}
  let before: readonly number[] = []
  const check = () => {
    const found = zombies()
    // Node reaps a worker within this time.
    const stay = found.filter((each) => before.includes(each)).length
    before = found
    if (stay === 0) return
    clearInterval(timer)
    logger.warn(
      { zombies: stay },
      `${stay === 1 ? '1 zombie stays' : `${stay} zombies stay`}: as PID 1, handover run cannot reap processes that ` +
        'others started. Add an init: docker run --init, or ENTRYPOINT ["tini", "--", "node_modules/.bin/handover", "run"]',
    )
  }
  const timer = setInterval(check, checkMs).unref()
  return () => clearInterval(timer)
}
