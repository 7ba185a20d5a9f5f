/** How many more file descriptors this process can have. */
import { closeSync, openSync, readFileSync } from 'node:fs'

/** Descriptors that stay free for the process itself: at its limit, Node accepts connections only to close them. */
const reserve = 64
/** And of a small limit no more than this share. */
const reserveShare = 1 / 8

/** How long a limit that was read counts: prlimit(1) can change it. */
const limitMs = 1_000

let known: { readonly limit: number; readonly until: number } | undefined

/**
 * Whether this process should take no more connections from another one. The kernel gives out the lowest free number:
 * `newest` is that of a descriptor that it has just got. Without proc(5) it is never short, and learns it from what does
 * not arrive.
 */
export function isShortOfDescriptors(newest?: number): boolean {
  try {
    const limit = descriptorLimit()
    return (newest ?? lowestFree()) >= limit - Math.min(reserve, Math.floor(limit * reserveShare))
  } catch (error) {
    return ['EMFILE', 'ENFILE'].includes((error as NodeJS.ErrnoException).code ?? '')
  }
}

function descriptorLimit(): number {
  const now = performance.now()
  if (!known || now > known.until) known = { limit: readLimit(), until: now + limitMs }
  return known.limit
}

function lowestFree(): number {
  const fd = openSync('/dev/null', 'r')
  closeSync(fd)
  return fd
}

function readLimit(): number {
  const [, soft] = /^Max open files +(\d+)/m.exec(readFileSync('/proc/self/limits', 'latin1')) ?? []
  return soft === undefined ? Number.POSITIVE_INFINITY : Number(soft)
}
