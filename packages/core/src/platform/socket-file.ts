/**
 * Who owns a socket file. libuv unlinks the path when the process that bound it closes the handle, though a
 * successor still serves it. So a socket is bound to a name beside the path and renamed into place: the close
 * finds nothing to unlink, and a stale file is replaced without a gap (test/handover/unix-path.test.ts).
 * The one place that renames and unlinks sockets.
 */
import { lstatSync, renameSync, unlinkSync } from 'node:fs'
import net from 'node:net'
import { basename, dirname, join, resolve } from 'node:path'
import type { UnixFile } from '../protocol/inheritance.js'

/** What lies at a path: nothing, a socket that may be stale, or something that is not ours to replace. */
export function whatLiesAt(path: string): 'nothing' | 'socket' | 'other' {
  const stats = lstatSync(path, { throwIfNoEntry: false })
  if (!stats) return 'nothing'
  return stats.isSocket() ? 'socket' : 'other'
}

/** Whether somebody accepts connections at `path`. One connection is made and closed. */
export function isServed(path: string): Promise<boolean> {
  return new Promise((told) => {
    const probe = net.connect({ path })
    const answer = (served: boolean) => {
      probe.destroy()
      told(served)
    }
    probe.once('connect', () => answer(true))
    // EAGAIN: its queue is full, so somebody listens. EACCES: not ours to replace.
    probe.once('error', ({ code }: NodeJS.ErrnoException) =>
      answer(code !== 'ECONNREFUSED' && code !== 'ENOENT'),
    )
  })
}

/** How many bytes the path of a socket may have (unix(7)). */
export const longestPath = 107

/** A free name in the same folder, no longer than a socket's may be; `undefined` when none was found. */
export function nameBeside(path: string): string | undefined {
  const inFolder = (name: string) => join(dirname(path), name)
  const room = longestPath - Buffer.byteLength(inFolder('x')) + 1
  for (let tries = 0; tries < 100; tries++) {
    const name = inFolder(`.${Math.random().toString(36).slice(2, 10)}`.slice(-room))
    if (name !== inFolder(basename(path)) && whatLiesAt(name) === 'nothing') return name
  }
  return undefined
}

/** Puts the socket that is bound to `temporary` in place. The path is ours from then on, whatever the directory will be. */
export function putInPlace(temporary: string, relative: string): UnixFile {
  const path = resolve(relative)
  renameSync(temporary, path)
  const identity = identityOf(path)
  return identity === undefined ? { path } : { path, identity }
}

/** Removes the path, if what lies there is still the file that we put there. */
export function remove(file: UnixFile): void {
  if (file.identity === undefined || identityOf(file.path) !== file.identity) return
  try {
    unlinkSync(file.path)
  } catch {
    // Somebody was faster; it is gone.
  }
}

/** Distinguishes a file from earlier and later files at its path. */
export function identityOf(path: string): string | undefined {
  try {
    const { dev, ino } = lstatSync(path, { bigint: true })
    return `${dev}:${ino}`
  } catch {
    return undefined
  }
}
