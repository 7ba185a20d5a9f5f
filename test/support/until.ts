import { setTimeout as pause } from 'node:timers/promises'
import { LIMIT_MS } from './story.js'

const POLL_MS = 5

/** Resolves when it is so; rejects, saying what was waited for, when that takes too long. */
export async function until(
  what: string,
  isSo: () => boolean | Promise<boolean>,
  limitMs = LIMIT_MS,
): Promise<void> {
  const deadline = performance.now() + limitMs
  while (!(await isSo())) {
    if (performance.now() > deadline) throw new Error(`${what}: not so after ${limitMs} ms`)
    await pause(POLL_MS)
  }
}
