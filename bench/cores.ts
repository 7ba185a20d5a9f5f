import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'

export interface Cores {
  readonly server: number | undefined
  readonly load: number | undefined
}

/** Picks one core each for the server and the load, if this process has two cores and `taskset` works. */
export function chooseCores(): Cores {
  const [server, load] = allowed()
  if (server === undefined || load === undefined) return { server: undefined, load: undefined }
  const { status } = spawnSync('taskset', ['-c', `${server},${load}`, process.execPath, '--version'])
  return status === 0 ? { server, load } : { server: undefined, load: undefined }
}

/** The cores that this process may use, from a list such as `0-1,4` (proc(5), Cpus_allowed_list). */
function allowed(): number[] {
  try {
    const [, list = ''] =
      /^Cpus_allowed_list:\s*(\S+)$/m.exec(readFileSync('/proc/self/status', 'utf8')) ?? []
    return list.split(',').flatMap((range) => {
      const [first = Number.NaN, last = first] = range.split('-').map(Number)
      return Array.from({ length: last - first + 1 }, (_, i) => first + i)
    })
  } catch {
    return []
  }
}
