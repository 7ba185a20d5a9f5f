/**
 * Requests a reload when the contents of files change: configuration and secrets, in production. It compares contents
 * every second, because `fs.watch` misses changes behind links (docs/decisions/0030).
 */
import { setTimeout as pause } from 'node:timers/promises'
import type { Logger } from '@handover/core/supervision'
import { type Contents, FileContents } from './file-contents.js'

const checkMs = 1_000
/** Several files may change one after another: the reload starts when none has changed for this time. */
const quietMs = 100
/** The longest wait for files that never stop changing. */
const maxWaitMs = 5_000

export interface ContentWatchParts {
  /** Absolute paths of files and folders. */
  readonly paths: readonly string[]
  readonly logger: Logger
  readonly request: (reason: string) => void
}

/** Resolves with a function that stops watching. Errors: the reason why a path cannot be watched. */
export async function watchContents({ paths, logger, request }: ContentWatchParts): Promise<() => void> {
  const watched = await Promise.all(paths.map((path) => WatchedPath.open(path, logger)))
  const stopped = new AbortController()
  // The pauses reject when the watch is stopped.
  if (watched.length > 0) watch(watched, request, stopped.signal).catch(() => {})
  return () => stopped.abort()
}

async function watch(
  paths: readonly WatchedPath[],
  request: (reason: string) => void,
  signal: AbortSignal,
): Promise<never> {
  const wait = (ms: number) => pause(ms, undefined, { signal, ref: false })
  const look = () => Promise.all(paths.map((path) => path.look()))
  for (let current: readonly Contents[] = paths.map(({ latest }) => latest); ; ) {
    await wait(checkMs)
    const latest = await whenQuiet(current, look, wait)
    const changed = difference(current, latest)
    current = latest
    if (changed.length > 0) request(describe(changed))
  }
}

/** Resolves with the contents: at once if nothing has changed since `before`, otherwise when nothing changes any more. */
export async function whenQuiet(
  before: readonly Contents[],
  look: () => Promise<readonly Contents[]>,
  wait: (ms: number) => Promise<unknown>,
): Promise<readonly Contents[]> {
  let earlier = before
  let latest = await look()
  for (
    let waitedMs = 0;
    waitedMs < maxWaitMs && difference(earlier, latest).length > 0;
    waitedMs += quietMs
  ) {
    await wait(quietMs)
    earlier = latest
    latest = await look()
  }
  return latest
}

class WatchedPath {
  latest: Contents = new Map()
  readonly #path: string
  readonly #logger: Logger
  readonly #files: FileContents
  #isReadable = true

  private constructor(path: string, logger: Logger) {
    this.#path = path
    this.#logger = logger
    this.#files = new FileContents(path)
  }

  static async open(path: string, logger: Logger): Promise<WatchedPath> {
    const watched = new WatchedPath(path, logger)
    try {
      watched.latest = await watched.#files.read()
      return watched
    } catch (error) {
      throw new Error(
        `--watch-files cannot read ${path}: ${(error as Error).message}. No worker was started. ` +
          'Correct the path, or create it before the start.',
      )
    }
  }

  /** Returns the contents. A path that cannot be read counts as unchanged until it can be read again. */
  async look(): Promise<Contents> {
    const facts = { path: this.#path }
    try {
      this.latest = await this.#files.read()
      if (!this.#isReadable) this.#logger.info(facts, `${this.#path} can be read again`)
      this.#isReadable = true
    } catch (error) {
      const why = `cannot read ${this.#path}: ${(error as Error).message}`
      if (this.#isReadable)
        this.#logger.warn(facts, `${why}. The workers keep serving; waiting until it can be read again.`)
      this.#isReadable = false
    }
    return this.latest
  }
}

/** Returns the files that were added, removed or changed, in alphabetical order. */
function difference(before: readonly Contents[], after: readonly Contents[]): string[] {
  const changed = after.flatMap((contents, i) => {
    const earlier: Contents = before[i] ?? new Map()
    const names = new Set([...earlier.keys(), ...contents.keys()])
    return [...names].filter((name) => earlier.get(name) !== contents.get(name))
  })
  return [...new Set(changed)].sort()
}

function describe([first, ...others]: readonly string[]): string {
  if (others.length === 0) return `${first} changed`
  return `${first} and ${others.length} other ${others.length === 1 ? 'file' : 'files'} changed`
}
