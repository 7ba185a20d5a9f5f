/** How many more file descriptors this process can have. */
import { closeSync, openSync, readSync } from 'node:fs'

/** Descriptors that stay free for the process itself: at its limit, Node accepts connections only to close them. */
const reserve = 64
/** And of a small limit no more than this share. */
const reserveShare = 1 / 8

/**
 * Whether this process should take no more connections from another one. The kernel gives out the lowest free number.
 * Without proc(5) it is never short, and learns it from what does not arrive.
 */
export function isShortOfDescriptors(): boolean {
  try {
    // Read each time: prlimit(1) can change it.
    const fd = openSync('/proc/self/limits', 'r')
    try {
      const limit = readLimit(fd)
      return fd >= limit - Math.min(reserve, Math.floor(limit * reserveShare))
    } finally {
      closeSync(fd)
    }
  } catch (error) {
    return ['EMFILE', 'ENFILE'].includes((error as NodeJS.ErrnoException).code ?? '')
  }
}

function readLimit(fd: number): number {
  const bytes = Buffer.alloc(4096)
  const text = bytes.toString('latin1', 0, readSync(fd, bytes))
  const [, soft] = /^Max open files +(\d+)/m.exec(text) ?? []
  return soft === undefined ? Number.POSITIVE_INFINITY : Number(soft)
}
