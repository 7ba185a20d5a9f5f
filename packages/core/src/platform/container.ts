/** Whether a container ends when this process exits. */
import { readFileSync } from 'node:fs'

/** Inits that exit with the process that they started, by their names in /proc (`docker run --init`, Podman, images). */
const inits = new Set(['tini', 'docker-init', 'catatonit', 'dumb-init'])

/**
 * Why a container, and each successor in it, ends when this process exits; `undefined` if no container does
 * (test/system/container-reload.test.ts).
 */
export function endsContainer(
  pid = process.pid,
  ppid = process.ppid,
  nameOf = commandOf,
): string | undefined {
  if (pid === 1) return 'this process is PID 1'
  // The parent is in another PID namespace: the container shares its namespace, as with shareProcessNamespace.
  if (ppid === 0) return 'this process is the main process of a container'
  const parent = ppid === 1 ? nameOf(1) : ''
  return inits.has(parent) ? `${parent} exits with this process` : undefined
}

/** The name of the program, from proc(5) if possible. */
function commandOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/comm`, 'utf8').trim()
  } catch {
    return ''
  }
}
