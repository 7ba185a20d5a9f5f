import { closeSync, openSync, readFileSync } from 'node:fs'

/** Descriptors to keep free for the process itself: at its limit, Node closes every connection that it accepts. */
const reserve = 64
/** The largest share of a small limit to keep free. */
const reserveShare = 1 / 8

/** How long to cache the limit. prlimit(1) can change it. */
const limitMs = 1_000

let known: { readonly limit: number; readonly until: number } | undefined

/**
 * Whether this process must refuse connections from another process. `newest` is the latest descriptor: the kernel
 * always assigns the lowest free one. Without proc(5) the result is `false`. A shortage then shows as missing connections.
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
