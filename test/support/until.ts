import { setTimeout as pause } from 'node:timers/promises'
import { LIMIT_MS } from './story.js'

const POLL_MS = 5

/** Resolves when the condition holds. Rejects, with `what` in the message, when that takes longer than `limitMs`. */
export async function until(
  what: string,
  isSo: () => boolean | Promise<boolean>,
  limitMs = LIMIT_MS,
): Promise<void> {
  const deadline = performance.now() + limitMs
  while (!(await isSo())) {
    if (performance.now() > deadline) throw new Error(`timed out after ${limitMs} ms waiting until ${what}`)
    await pause(POLL_MS)
  }
}
