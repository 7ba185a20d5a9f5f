/** Requests reloads on a schedule, and when a worker uses too much memory. A reload loses no request; a kill would. */

/** How often to check the memory of the workers. */
const checkMs = 1_000
/** The shortest time between two reloads because of memory: the fresh workers may need as much. */
const minPauseMs = 60_000
const mebibyte = 2 ** 20

export interface Schedule {
  /** In bytes. */
  readonly maxMemory?: number | undefined
  /** In milliseconds. */
  readonly reloadEvery?: number | undefined
}

export interface ScheduledReloadsParts {
  /** The pids of the workers that serve. */
  readonly pids: () => readonly number[]
  /** Returns the resident memory of a process in bytes; `undefined` if it has exited. */
  readonly memoryOf: (pid: number) => number | undefined
  readonly request: (reason: string) => void
}

/** Returns a function that ends the schedule. */
export function scheduleReloads(
  { maxMemory, reloadEvery }: Schedule,
  { pids, memoryOf, request }: ScheduledReloadsParts,
): () => void {
  let pausedUntil = 0
  const check = (max: number) => {
    if (performance.now() < pausedUntil) return
    const pid = pids().find((each) => (memoryOf(each) ?? 0) > max)
    if (pid === undefined) return
    pausedUntil = performance.now() + minPauseMs
    const used = Math.round((memoryOf(pid) ?? max) / mebibyte)
    request(`worker ${pid} uses ${used} MiB, more than ${Math.round(max / mebibyte)} MiB`)
  }
  const timers = [
    ...(maxMemory === undefined ? [] : [setInterval(() => check(maxMemory), checkMs)]),
    ...(reloadEvery === undefined ? [] : [setInterval(() => request('--reload-every'), reloadEvery)]),
  ]
  for (const timer of timers) timer.unref()
  return () => {
    for (const timer of timers) clearInterval(timer)
  }
}
