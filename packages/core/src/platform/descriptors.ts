/** How many more file descriptors this process can have. */
import { closeSync, openSync, readFileSync } from 'node:fs'

/** Descriptors that stay free for the process itself: at its limit, Node accepts connections only to close them. */
const reserve = 64
/** Of a small limit, at most this share stays free. */
const reserveShare = 1 / 8

/** How long a limit stays cached: prlimit(1) can change it. */
const limitMs = 1_000

let known: { readonly limit: number; readonly until: number } | undefined

/**
 * Whether this process should take no more connections from another one. `newest` is the latest descriptor: the kernel
 * assigns the lowest free number. Without proc(5) the result is `false`, and missing connections show the shortage.
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
